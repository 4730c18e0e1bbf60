# A guest that needs nothing from the network: this machine's kernel, a static busybox and QEMU.
# It is also the stand-in for nixpkgs and microvm.nix in the flakes that n3x writes (see README.md).
{
  description = "A microVM in microvm.nix's layout, made from the machine's own kernel and busybox";

  outputs = _: {
    lib = import ./lib.nix;

    nixosModules.microvm = import ./microvm-module.nix;

    nixosConfigurations.hello = import ./nixos-system.nix {
      system = "x86_64-linux";
      modules = [
        (import ./microvm-module.nix)
        {
          networking.hostName = "hello";
          microvm = {
            mem = 256;
            interfaces = [
              {
                type = "user";
                id = "hello0";
                mac = "02:00:00:00:00:01";
              }
            ];
            forwardPorts = [
              {
                host.port = 18080;
                guest.port = 80;
              }
            ];
          };
        }
      ];
    };
  };
}
