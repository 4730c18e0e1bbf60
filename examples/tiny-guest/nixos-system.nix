# The stand-in for `nixpkgs.lib.nixosSystem`.
{
  system,
  modules,
  specialArgs ? { },
}:
import ./modules.nix {
  lib = import ./lib.nix;
  inherit system modules specialArgs;
}
