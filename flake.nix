{
  description = "n3x: a control plane for NixOS hosts and their microVMs";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";

  outputs =
    { self, nixpkgs }:
    let
      systems = [
        "x86_64-linux"
        "aarch64-linux"
      ];
      forEach =
        make:
        builtins.listToAttrs (
          map (system: {
            name = system;
            value = make nixpkgs.legacyPackages.${system};
          }) systems
        );
    in
    {
      overlays.default = final: _: { n3x = final.callPackage ./nix/package.nix { }; };

      packages = forEach (pkgs: rec {
        n3x = pkgs.callPackage ./nix/package.nix { };
        default = n3x;
      });

      devShells = forEach (pkgs: {
        default = pkgs.callPackage ./nix/dev-shell.nix { };
      });

      checks = forEach (pkgs: {
        package = self.packages.${pkgs.stdenv.hostPlatform.system}.default;
      });
    };
}
