# n3xd, n3xctl and n3x-sim. The sources run as they are: Node strips their types, so there is nothing to compile.
{
  lib,
  stdenvNoCC,
  callPackage,
  makeWrapper,
  nodejs_24,
  nodejs ? nodejs_24,
}:
let
  platform = {
    cpu = stdenvNoCC.hostPlatform.node.arch;
    os = stdenvNoCC.hostPlatform.node.platform;
    libc = if stdenvNoCC.hostPlatform.isMusl then "musl" else "glibc";
  };
  lockFile = ../pnpm-lock.yaml;
  nodeModules = import ./node-modules.nix {
    inherit platform;
    lock = import ./pnpm-lock.nix (builtins.readFile lockFile);
    importers = [
      "packages/core"
      "packages/agent"
      "packages/cli"
      "packages/sim"
    ];
    fetch = callPackage ./npm-tarball.nix { inherit nodejs; };
  };
  tests = file: file.hasExt "test.ts" || lib.hasPrefix "test-" file.name;
in
stdenvNoCC.mkDerivation {
  pname = "n3x";
  inherit (lib.importJSON ../package.json) version;

  src = lib.fileset.toSource {
    root = ../.;
    fileset = lib.fileset.difference (lib.fileset.unions [
      ../package.json
      (lib.fileset.fileFilter (file: !(tests file)) ../packages)
    ]) (lib.fileset.unions (map lib.fileset.maybeMissing [
      ../packages/core/node_modules
      ../packages/agent/node_modules
      ../packages/cli/node_modules
      ../packages/sim/node_modules
    ]));
  };

  nativeBuildInputs = [ makeWrapper ];

  # No folder above the sources may be called node_modules: Node strips no types below one.
  installPhase = ''
    runHook preInstall
    mkdir -p "$out/lib/n3x" "$out/bin"
    cp -r . "$out/lib/n3x"
    cd "$out/lib/n3x"
    ${nodeModules.script}
    for program in agent/bin/n3xd cli/bin/n3xctl sim/bin/n3x-sim; do
      makeWrapper ${lib.getExe nodejs} "$out/bin/$(basename "$program")" --add-flags "$out/lib/n3x/packages/$program.mjs"
    done
    runHook postInstall
  '';

  doInstallCheck = true;
  installCheckPhase = ''
    runHook preInstallCheck
    "$out/bin/n3xctl" --help >/dev/null
    "$out/bin/n3xd" --help >/dev/null
    runHook postInstallCheck
  '';

  meta = {
    description = "Control plane for NixOS hosts: one Raft cluster, microVMs that run exactly once";
    license = lib.licenses.asl20;
    platforms = [
      "x86_64-linux"
      "aarch64-linux"
    ];
    mainProgram = "n3xctl";
  };
}
