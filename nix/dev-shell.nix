# Everything that scripts/with-setup.sh would otherwise install, and what the tiny guest is made of.
{
  lib,
  mkShell,
  nodejs_24,
  nix,
  qemu_kvm,
  pkgsStatic,
  linuxPackages_latest,
  stdenv,
  git,
}:
let
  inherit (linuxPackages_latest) kernel;
in
mkShell {
  packages = [
    nodejs_24
    nix
    qemu_kvm
    git
  ];
  # Read by examples/tiny-guest. Busybox is not on PATH, where its applets would hide the usual tools.
  N3X_GUEST_KERNEL = "${kernel}/${stdenv.hostPlatform.linux-kernel.target}";
  N3X_GUEST_MODULES = "${lib.getOutput "modules" kernel}/lib/modules/${kernel.modDirVersion}";
  N3X_GUEST_BUSYBOX = "${pkgsStatic.busybox}/bin/busybox";
}
