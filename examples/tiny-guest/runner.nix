# The runner package, in the layout that microvm.nix documents: bin/microvm-run, bin/microvm-shutdown, share/microvm.
# It is built with the tools of the machine (the Nix sandbox must be off) and looks for the kernel when it is run,
# because a pure evaluation may not read /boot.
{
  lib,
  system,
  hostName,
  microvm,
  # Those of systemd-networkd, as far as the guest's init knows them.
  networks ? { },
}:
let
  arch = builtins.head (builtins.split "-" system);

  unsupported =
    lib.optional (microvm.hypervisor != "qemu") "the hypervisor ${microvm.hypervisor}"
    ++ lib.optional (microvm.shares != [ ]) "shares"
    ++ lib.optional (microvm.devices != [ ]) "devices"
    ++ map (i: "interfaces of type ${i.type}") (
      lib.filter (i: i.type != "user" && i.type != "tap") microvm.interfaces
    );

  duplicates = list: lib.length (lib.unique list) != lib.length list;

  wrong =
    lib.optional (duplicates (map (v: v.image) microvm.volumes)) "two volumes have the same image"
    ++ lib.optional (duplicates (map (i: i.id) microvm.interfaces)) "two interfaces have the same id"
    ++ map (i: "the interface name ${i.id} is longer than 15 characters") (
      lib.filter (i: builtins.stringLength i.id > 15) microvm.interfaces
    )
    ++ lib.optional (
      microvm.forwardPorts != [ ] && lib.filter (i: i.type == "user") microvm.interfaces == [ ]
    ) "forwardPorts needs an interface of type user";

  letters = lib.filter lib.isString (builtins.split "" "abcdefghijklmnopqrstuvwxyz");
  letter = index: builtins.elemAt (lib.filter (l: l != "") letters) index;
  indexed = list: builtins.genList (i: (builtins.elemAt list i) // { inherit i; }) (lib.length list);

  forwards = lib.filter (f: f.from == "host") microvm.forwardPorts;
  guestPorts = lib.unique (map (f: f.guest.port) (lib.filter (f: f.proto == "tcp") forwards));

  # Destination, and gateway or nothing.
  route = r: "${r.Destination},${r.Gateway or ""}";

  # What the guest's init reads: shell variables.
  guestConfig = builtins.toFile "tiny-guest-config" ''
    name=${lib.escapeShellArg hostName}
    vcpu=${toString microvm.vcpu}
    memory_mib=${toString microvm.mem}
    ports=${lib.escapeShellArg (toString (if guestPorts == [ ] then [ 80 ] else guestPorts))}
    mounts=${
      lib.escapeShellArg (
        lib.concatMapStringsSep " " (v: "vd${letter v.i}:${toString v.mountPoint}:${v.fsType}") (
          lib.filter (v: v.mountPoint != null) (indexed microvm.volumes)
        )
      )
    }
    networks=${
      lib.escapeShellArg (
        lib.concatMapStringsSep "\n" (
          n:
          lib.concatMapStringsSep "|" toString [
            n.matchConfig.MACAddress
            (toString (n.address or [ ]))
            (lib.concatMapStringsSep " " route (n.routes or [ ]))
            (toString (n.dns or [ ]))
          ]
        ) (lib.attrValues networks)
      )
    }
    user_net=${if lib.filter (i: i.type == "user") microvm.interfaces == [ ] then "no" else "yes"}
  '';

  hostForwards = lib.concatMapStrings (
    f: ",hostfwd=${f.proto}:${f.host.address}:${toString f.host.port}-${f.guest.address}:${toString f.guest.port}"
  ) forwards;

  transport = if arch == "x86_64" then "device" else "pci";

  netArgs = builtins.concatMap (i: [
    "-netdev"
    (
      if i.type == "user" then
        "user,id=${i.id}${hostForwards}"
      else
        "tap,id=${i.id},ifname=${i.id},script=no,downscript=no"
    )
    "-device"
    "virtio-net-${transport},netdev=${i.id},mac=${i.mac}"
  ]) microvm.interfaces;

  volumeArgs = builtins.concatMap (v: [
    "-drive"
    "id=vd${letter v.i},format=raw,file=${v.image},if=none,discard=unmap,read-only=${if v.readOnly then "on" else "off"}"
    "-device"
    "virtio-blk-${transport},drive=vd${letter v.i}${lib.optionalString (v.serial != null) ",serial=${v.serial}"}"
  ]) (indexed microvm.volumes);

  # Each made when it is missing, as microvm.nix does.
  createVolumes = lib.concatMapStrings (
    v:
    lib.optionalString v.autoCreate ''
      if [ ! -e ${lib.escapeShellArg v.image} ]; then
        truncate -s ${toString v.size}M ${lib.escapeShellArg v.image}
        mkfs.${v.fsType} ${lib.optionalString (lib.hasPrefix "ext" v.fsType) "-q "}${
          lib.optionalString (v.label != null) "${if v.fsType == "vfat" then "-n" else "-L"} ${lib.escapeShellArg v.label} "
        }${lib.escapeShellArgs v.mkfsExtraArgs} ${lib.escapeShellArg v.image} ||
          { rm -f ${lib.escapeShellArg v.image}; exit 1; }
      fi
    ''
  ) microvm.volumes;

  fill = builtins.replaceStrings (map (n: "@${n}@") (lib.attrNames values)) (lib.attrValues values);
  values = {
    name = lib.escapeShellArg hostName;
    inherit arch;
    vcpu = toString microvm.vcpu;
    mem = toString microvm.mem;
    socket = lib.escapeShellArg (if microvm.socket == null then "" else microvm.socket);
    kernelParams = lib.escapeShellArg (toString microvm.kernelParams);
    deviceArgs = lib.escapeShellArgs (netArgs ++ volumeArgs ++ microvm.qemu.extraArgs);
    init = "${./guest-init.sh}";
    guestConfig = "${guestConfig}";
    preStart = microvm.preStart;
    inherit createVolumes;
  };

  taps = lib.filter (i: i.type == "tap") microvm.interfaces;

  scripts = {
    microvm-run = fill (builtins.readFile ./microvm-run.sh);
    microvm-shutdown = fill (builtins.readFile ./microvm-shutdown.sh);
  }
  // lib.optionalAttrs (taps != [ ]) {
    tap-up =
      "#!/bin/sh\nset -eu\nPATH=$PATH:/usr/sbin:/sbin:/run/current-system/sw/bin\n"
      + lib.concatMapStrings (i: ''
        if [ -e /sys/class/net/${i.id} ]; then ip link delete ${i.id}; fi
        ip tuntap add name ${i.id} mode tap
        ip link set ${i.id} up
      '') taps
      + (microvm.binScripts.tap-up or "");
    tap-down =
      "#!/bin/sh\nPATH=$PATH:/usr/sbin:/sbin:/run/current-system/sw/bin\n"
      + lib.concatMapStrings (i: "ip link delete ${i.id}\n") taps;
  }
  // removeAttrs microvm.binScripts (lib.optional (taps != [ ]) "tap-up");

  shareFiles = {
    hypervisor = "qemu";
  }
  // lib.optionalAttrs (microvm.vsock.cid != null) { vsock-cid = toString microvm.vsock.cid; }
  // lib.optionalAttrs (taps != [ ]) { tap-interfaces = lib.concatMapStringsSep "\n" (i: i.id) taps; };

  build =
    name: script:
    derivation {
      inherit name system;
      builder = "/bin/sh";
      args = [
        "-euc"
        ''
          PATH=/usr/bin:/bin:/run/current-system/sw/bin
          command -v mkdir >/dev/null || { echo "tiny-guest is built with the machine's own tools: set sandbox = false" >&2; exit 1; }
          ${script}
        ''
      ];
    };

  toplevel = build "tiny-guest-system-${hostName}" ''
    mkdir -p $out
    ln -s ${./guest-init.sh} $out/init
    ln -s ${guestConfig} $out/config
  '';

  runner = build "microvm-qemu-${hostName}" ''
    mkdir -p $out/bin $out/share/microvm
    ${lib.concatMapStrings (n: ''
      cp ${builtins.toFile n scripts.${n}} $out/bin/${n}
      chmod 555 $out/bin/${n}
    '') (lib.attrNames scripts)}
    ${lib.concatMapStrings (n: ''
      cp ${builtins.toFile n "${shareFiles.${n}}\n"} $out/share/microvm/${n}
    '') (lib.attrNames shareFiles)}
    ln -s ${toplevel} $out/share/microvm/system
  '';
in
if unsupported != [ ] then
  throw "tiny-guest does not support ${lib.concatStringsSep ", " unsupported}"
else if wrong != [ ] then
  throw "MicroVM ${hostName}: ${lib.concatStringsSep "; " wrong}"
else
  runner // { inherit toplevel; }
