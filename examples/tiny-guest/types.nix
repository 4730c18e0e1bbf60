# Option types: a name for messages, a check, and how several definitions become one.
# Submodules need the evaluator's own `mergeTree`, which is handed in.
mergeTree:
let
  one =
    path: values:
    if builtins.length values == 1 || builtins.all (v: v == builtins.head values) values then
      builtins.head values
    else
      throw "the option `${builtins.concatStringsSep "." path}` has conflicting definitions";
  scalar = name: check: { inherit name check; merge = one; };
in
rec {
  bool = scalar "boolean" builtins.isBool;
  int = scalar "integer" builtins.isInt;
  unsigned = scalar "non-negative integer" (v: builtins.isInt v && v >= 0);
  positive = scalar "positive integer" (v: builtins.isInt v && v > 0);
  port = scalar "16 bit unsigned integer" (v: builtins.isInt v && v >= 0 && v <= 65535);
  str = scalar "string" builtins.isString;
  path = scalar "absolute path" (v: builtins.isPath v || (builtins.isString v && builtins.substring 0 1 v == "/"));
  anything = scalar "anything" (_: true);
  lines = {
    name = "string (lines)";
    check = builtins.isString;
    merge = _: builtins.concatStringsSep "\n";
  };
  enum = values: scalar "one of ${builtins.toJSON values}" (v: builtins.elem v values);
  nullOr = type: {
    name = "null or ${type.name}";
    check = v: v == null || type.check v;
    merge = where: values: if builtins.elem null values then one where values else type.merge where values;
  };
  listOf = type: {
    name = "list of ${type.name}";
    check = v: builtins.isList v && builtins.all type.check v;
    merge = where: values: builtins.map (v: type.merge where [ v ]) (builtins.concatLists values);
  };
  attrsOf = type: {
    name = "set of ${type.name}";
    check = v: builtins.isAttrs v && builtins.all type.check (builtins.attrValues v);
    merge =
      where: values:
      builtins.mapAttrs (name: _: type.merge (where ++ [ name ]) (builtins.concatMap (v: if v ? ${name} then [ v.${name} ] else [ ]) values)) (
        builtins.foldl' (all: v: all // v) { } values
      );
  };
  submodule = tree: {
    name = "submodule";
    check = builtins.isAttrs;
    merge =
      where: values:
      mergeTree where tree (map (value: { priority = 100; inherit value; }) values);
  };
}
