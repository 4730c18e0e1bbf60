# The stand-in for `microvm.nixosModules.microvm`: microvm.nix's options, by its names and types, as far as a guest on
# QEMU may set them, and the runner made from them. An option that microvm.nix does not have is an error.
{
  config,
  lib,
  pkgs,
  ...
}:
{
  tinyOptions.networking = _: {
    _free = true;
    hostName = {
      type = (import ./types.nix null).str;
      default = "nixos";
    };
  };

  tinyOptions.boot = mergeTree: {
    _free = true;
    kernelParams = {
      type = with import ./types.nix mergeTree; listOf str;
      default = [ ];
    };
  };

  tinyOptions.microvm =
    mergeTree: with import ./types.nix mergeTree; {
      guest.enable = { type = bool; default = true; };
      optimize.enable = { type = bool; default = true; };
      cpu = { type = nullOr str; default = null; };
      hypervisor = {
        type = enum [ "qemu" "cloud-hypervisor" "firecracker" "crosvm" "kvmtool" "stratovirt" "alioth" "vfkit" ];
        default = "qemu";
      };
      preStart = { type = lines; default = ""; };
      extraArgsScript = { type = nullOr str; default = null; };
      socket = { type = nullOr str; default = "${config.networking.hostName}.sock"; };
      user = { type = nullOr str; default = null; };
      vcpu = { type = positive; default = 1; };
      mem = { type = positive; default = 512; };
      hugepageMem = { type = bool; default = false; };
      hotplugMem = { type = unsigned; default = 0; };
      hotpluggedMem = { type = unsigned; default = 0; };
      balloon = { type = bool; default = false; };
      initialBalloonMem = { type = unsigned; default = 0; };
      deflateOnOOM = { type = bool; default = true; };
      kernelParams = { type = listOf str; default = [ ]; };
      machineId = { type = nullOr str; default = null; };
      registerWithMachined = { type = bool; default = false; };
      vsock.cid = { type = nullOr int; default = null; };
      vsock.ssh.enable = { type = bool; default = false; };
      storeOnDisk = { type = bool; default = false; };
      storeDiskType = { type = enum [ "squashfs" "erofs" ]; default = "squashfs"; };
      writableStoreOverlay = { type = nullOr str; default = null; };
      registerClosure = { type = bool; default = true; };
      systemSymlink = { type = bool; default = true; };
      prettyProcnames = { type = bool; default = true; };
      credentialFiles = { type = attrsOf path; default = { }; };
      binScripts = { type = attrsOf lines; default = { }; };
      qemu.machine = { type = str; default = "microvm"; };
      qemu.extraArgs = { type = listOf str; default = [ ]; };
      qemu.serialConsole = { type = bool; default = true; };

      forwardPorts = {
        default = [ ];
        type = listOf (submodule {
          from = { type = enum [ "host" "guest" ]; default = "host"; };
          proto = { type = enum [ "tcp" "udp" ]; default = "tcp"; };
          host.address = { type = str; default = ""; };
          host.port = { type = port; };
          guest.address = { type = str; default = ""; };
          guest.port = { type = port; };
        });
      };

      volumes = {
        default = [ ];
        type = listOf (submodule {
          image = { type = str; };
          serial = { type = nullOr str; default = null; };
          direct = { type = bool; default = false; };
          readOnly = { type = bool; default = false; };
          label = { type = nullOr str; default = null; };
          mountPoint = { type = nullOr path; };
          size = { type = int; };
          autoCreate = { type = bool; default = true; };
          mkfsExtraArgs = { type = listOf str; default = [ ]; };
          fsType = { type = str; default = "ext4"; };
          imageType = { type = enum [ "raw" "qcow2" "vhd" "vhdx" ]; default = "raw"; };
        });
      };

      interfaces = {
        default = [ ];
        type = listOf (submodule {
          type = { type = enum [ "user" "tap" "macvtap" "bridge" ]; };
          id = { type = str; };
          macvtap.link = { type = str; default = ""; };
          macvtap.mode = {
            type = enum [ "private" "vepa" "bridge" "passthru" "source" ];
            default = "bridge";
          };
          bridge = { type = nullOr str; default = null; };
          mac = { type = str; };
          tap.vhost = { type = bool; default = false; };
        });
      };

      shares = {
        default = [ ];
        type = listOf (submodule {
          tag = { type = str; };
          socket = { type = nullOr str; default = null; };
          source = { type = str; };
          securityModel = { type = enum [ "passthrough" "none" "mapped" "mapped-file" ]; default = "none"; };
          mountPoint = { type = path; };
          proto = { type = enum [ "9p" "virtiofs" ]; default = "9p"; };
          readOnly = { type = bool; default = false; };
          cache = { type = enum [ "auto" "always" "metadata" "never" ]; default = "auto"; };
          posixAcl = { type = bool; default = true; };
          extraArgs = { type = listOf str; default = [ ]; };
        });
      };

      devices = { type = listOf anything; default = [ ]; };
      deploy = { type = anything; default = { }; };

      # The product, as microvm.nix calls it.
      declaredRunner = {
        type = anything;
        default = import ./runner.nix {
          inherit lib;
          inherit (pkgs) system;
          inherit (config) microvm;
          inherit (config.networking) hostName;
          networks = config.systemd.network.networks or { };
        };
      };
    };

  config = {
    microvm.kernelParams = config.boot.kernelParams;
    system.build.toplevel = config.microvm.declaredRunner.toplevel;
  };
}
