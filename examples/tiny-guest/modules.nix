# A small module system: modules (paths, functions, attribute sets) with `imports`, `config`, `mkIf`, `mkMerge` and
# priorities; typed options where some module declares them under `tinyOptions`; anything else is taken as it is.
{
  lib,
  system,
  modules,
  specialArgs ? { },
}:
let
  args = {
    inherit lib config;
    options = { };
    modulesPath = throw "tiny-guest has no NixOS modules to import from modulesPath";
    pkgs = {
      inherit system lib;
      stdenv.hostPlatform = { inherit system; };
    };
  }
  // specialArgs;

  load =
    module:
    if builtins.isFunction module then
      load (module args)
    else if builtins.isAttrs module then
      [ module ] ++ builtins.concatMap load (module.imports or [ ])
    else
      load (import module);

  loaded = builtins.concatMap load modules;

  # What a module sets: its `config`, or everything but the words with a meaning of their own.
  definitions = map (
    module:
    module.config or (removeAttrs module [
      "imports"
      "options"
      "tinyOptions"
      "_file"
      "key"
    ])
  ) loaded;

  declared = builtins.foldl' (all: module: all // (module.tinyOptions or { })) { } loaded;

  # A definition with its properties resolved: a list of { priority, value }.
  resolve =
    priority: value:
    if !(builtins.isAttrs value) then
      [ { inherit priority value; } ]
    else if (value._type or "") == "if" then
      lib.optionals value.condition (resolve priority value.content)
    else if (value._type or "") == "merge" then
      builtins.concatMap (resolve priority) value.contents
    else if (value._type or "") == "override" then
      resolve value.priority value.content
    else
      [ { inherit priority value; } ];

  strongest =
    found:
    let
      best = builtins.foldl' (low: d: if d.priority < low then d.priority else low) 100000 found;
    in
    map (d: d.value) (builtins.filter (d: d.priority == best) found);

  show = builtins.concatStringsSep ".";

  # One option: checked by its type, merged by its type when several modules set it.
  mergeOption =
    path: option: found:
    let
      values = strongest found;
      checked = map (
        value:
        if option.type.check value then
          value
        else
          throw "the option `${show path}` is not of type ${option.type.name}"
      ) values;
      used = if option ? merge then option.merge checked else option.type.merge path checked;
    in
    if values == [ ] then
      if option ? default then option.default else throw "the option `${show path}` is used but not defined"
    else
      (option.apply or (x: x)) used;

  isOption = d: builtins.isAttrs d && d ? type && d.type ? check;

  # A tree of options against a list of definitions ({ priority, value }) of it.
  mergeTree =
    path: tree: found:
    let
      resolved = builtins.concatMap (d: resolve d.priority d.value) found;
      wrong = builtins.concatMap (
        d:
        if builtins.isAttrs d.value then
          builtins.filter (name: !(tree ? ${name})) (builtins.attrNames d.value)
        else
          throw "`${show path}` must be a set"
      ) resolved;
      at = name: builtins.concatMap (d: lib.optionals (d.value ? ${name}) (resolve d.priority d.value.${name})) resolved;
      merged = builtins.mapAttrs (
        name: declaration:
        if isOption declaration then
          mergeOption (path ++ [ name ]) declaration (at name)
        else
          mergeTree (path ++ [ name ]) declaration (at name)
      ) tree;
    in
    if wrong == [ ] then merged else throw "the option `${show (path ++ [ (builtins.head wrong) ])}` does not exist";

  # What nobody declared: sets are merged, lists joined, equal values accepted, anything else is a conflict.
  mergeFree =
    path: found:
    let
      values = strongest found;
      first = builtins.head values;
    in
    if builtins.length values == 1 && !(builtins.isAttrs first) then
      first
    else if builtins.all builtins.isAttrs values then
      mergeRoot path { } found
    else if builtins.all builtins.isList values then
      builtins.concatLists values
    else if builtins.all (v: v == first) values then
      first
    else
      throw "the option `${show path}` has conflicting definitions";

  mergeRoot =
    path: tree: found:
    let
      resolved = builtins.concatMap (d: resolve d.priority d.value) found;
      names = lib.unique (
        builtins.attrNames tree ++ builtins.concatMap (d: builtins.attrNames d.value) resolved
      );
      at = name: builtins.concatMap (d: lib.optionals (d.value ? ${name}) (resolve d.priority d.value.${name})) resolved;
    in
    lib.listToAttrs (
      map (
        name:
        lib.nameValuePair name (
          if tree ? ${name} then
            if isOption tree.${name} then
              mergeOption (path ++ [ name ]) tree.${name} (at name)
            else if tree.${name}._free or false then
              mergeRoot (path ++ [ name ]) (removeAttrs tree.${name} [ "_free" ]) (at name)
            else
              mergeTree (path ++ [ name ]) tree.${name} (at name)
          else
            mergeFree (path ++ [ name ]) (at name)
        )
      ) names
    );

  config = mergeRoot [ ] (builtins.mapAttrs (_: tree: tree mergeTree) declared) (
    map (value: {
      priority = 100;
      inherit value;
    }) definitions
  );
in
{
  inherit config;
  pkgs = args.pkgs;
}
