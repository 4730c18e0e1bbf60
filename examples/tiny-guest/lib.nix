# The few functions of nixpkgs' lib that small modules use, by the same names and with the same meaning.
let
  lib = rec {
    inherit (builtins)
      attrNames
      attrValues
      concatLists
      concatMap
      concatStringsSep
      elem
      filter
      hasAttr
      head
      isAttrs
      isBool
      isFunction
      isInt
      isList
      isString
      length
      listToAttrs
      map
      mapAttrs
      tail
      toJSON
      ;

    concatMapStringsSep = separator: f: list: concatStringsSep separator (map f list);
    concatMapStrings = concatMapStringsSep "";
    optional = condition: value: if condition then [ value ] else [ ];
    optionals = condition: values: if condition then values else [ ];
    optionalString = condition: text: if condition then text else "";
    optionalAttrs = condition: attrs: if condition then attrs else { };
    mapAttrsToList = f: attrs: map (name: f name attrs.${name}) (attrNames attrs);
    nameValuePair = name: value: { inherit name value; };
    unique = builtins.foldl' (found: x: if elem x found then found else found ++ [ x ]) [ ];
    hasPrefix = prefix: text: builtins.substring 0 (builtins.stringLength prefix) text == prefix;
    escapeShellArg = value: "'${builtins.replaceStrings [ "'" ] [ "'\\''" ] (toString value)}'";
    escapeShellArgs = concatMapStringsSep " " escapeShellArg;

    # Properties of definitions, resolved in modules.nix.
    mkIf = condition: content: { _type = "if"; inherit condition content; };
    mkMerge = contents: { _type = "merge"; inherit contents; };
    mkOverride = priority: content: { _type = "override"; inherit priority content; };
    mkDefault = mkOverride 1000;
    mkForce = mkOverride 50;
    # All lines come in the order of their modules.
    mkAfter = content: content;

    nixosSystem = import ./nixos-system.nix;
    trivial.release = "0.0";
  };
in
lib
