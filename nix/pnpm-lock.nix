# Reads pnpm-lock.yaml (lockfileVersion 9.0) as far as an installation needs it. The file is written by pnpm alone, in
# one fixed style, so its lines can be read one by one; Nix has no reader for YAML of its own.
#
# text -> {
#   importers.<folder>.<dependency> = version or "link:<folder>"      production dependencies only
#   packages.<name@version> = { integrity, cpu, os, libc }            what to fetch; lists are empty when free
#   snapshots.<name@version(peers)>.<dependency> = version(peers)     what each package gets to see
# }
text:
let
  lines = builtins.filter builtins.isString (builtins.split "\n" text);

  unquote =
    value:
    let
      quoted = builtins.match "'(.*)'" value;
    in
    if quoted == null then value else builtins.head quoted;

  # "[a, b]" -> [ "a" "b" ]
  words =
    list: builtins.filter (part: builtins.isString part && part != "") (builtins.split "[^a-z0-9_!-]+" list);

  put = set: name: value: set // { ${name} = (set.${name} or { }) // value; };

  step =
    state: line:
    let
      top = builtins.match "([a-zA-Z]+):.*" line;
      key = builtins.match "  '?([^' ]+)'?:( [{][}])?" line;
      part = builtins.match "    ([a-zA-Z]+):(.*)" line;
      entry = builtins.match "      '?([^' ]+)'?:( (.+))?" line;
      version = builtins.match "        version: (.+)" line;
      integrity = builtins.match "    resolution: [{]integrity: ([^,}]+).*" line;
      wanted = state.part == "dependencies" || state.part == "optionalDependencies";
      inside = state.${state.section};
    in
    if top != null then
      state // { section = builtins.head top; key = ""; part = ""; }
    else if !(state ? ${state.section}) || !(builtins.isAttrs inside) then
      state
    else if key != null then
      state // {
        key = builtins.head key;
        part = "";
        ${state.section} = put inside (builtins.head key) { };
      }
    else if state.section == "packages" then
      if integrity != null then
        state // { packages = put inside state.key { integrity = builtins.head integrity; }; }
      else if part != null && builtins.elem (builtins.head part) [ "cpu" "os" "libc" ] then
        state // { packages = put inside state.key { ${builtins.head part} = words (builtins.elemAt part 1); }; }
      else
        state
    else if part != null then
      state // { part = builtins.head part; }
    else if !wanted then
      state
    else if state.section == "snapshots" && entry != null && builtins.elemAt entry 2 != null then
      state // { snapshots = put inside state.key { ${builtins.head entry} = unquote (builtins.elemAt entry 2); }; }
    else if state.section == "importers" && entry != null then
      state // { dependency = builtins.head entry; }
    else if state.section == "importers" && version != null then
      state // { importers = put inside state.key { ${state.dependency} = unquote (builtins.head version); }; }
    else
      state;

  read = builtins.foldl' step {
    section = "";
    key = "";
    part = "";
    dependency = "";
    importers = { };
    packages = { };
    snapshots = { };
  } lines;
in
{
  inherit (read) importers snapshots;
  packages = builtins.mapAttrs (
    name: package:
    {
      cpu = [ ];
      os = [ ];
      libc = [ ];
    }
    // package
    // {
      integrity = package.integrity or (throw "pnpm-lock.yaml has no integrity for ${name}");
    }
  ) read.packages;
}
