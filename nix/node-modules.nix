# Lays out node_modules for production as pnpm does: each package once under `.pnpm`, beside links to what it may see.
# Nothing is resolved here; the lockfile says it all. No install script runs: the native packages carry their binaries.
#
# Gives a shell script that fills the directory it is run in, which must hold the folders of `importers`.
{
  # As read by pnpm-lock.nix.
  lock,
  # Folders of the workspace to install for.
  importers,
  # Node's words for the platform, for example { cpu = "x64"; os = "linux"; libc = "glibc"; }.
  platform,
  # { name, version, integrity } -> path of its tarball
  fetch,
}:
let
  # "name@1.0.0(peer@2.0.0)" -> "name@1.0.0"
  withoutPeers = key: builtins.head (builtins.match "([^(]+)([(].*)?" key);

  # "@scope/name@1.0.0" -> { name, version }
  split =
    package:
    let
      parts = builtins.match "(.+)@([^@]+)" package;
    in
    {
      name = builtins.head parts;
      version = builtins.elemAt parts 1;
    };

  # The snapshot that a dependency means: its version, or another package's name and version for an alias.
  snapshotOf =
    name: version: if builtins.match "[^(]+@.*" (withoutPeers version) != null then version else "${name}@${version}";

  runsHere =
    key:
    let
      package = lock.packages.${withoutPeers key};
      # A list names what is allowed, or with "!" what is not.
      negated = builtins.any (word: builtins.substring 0 1 word == "!");
      allows =
        list: word:
        list == [ ] || builtins.elem word list || (negated list && !(builtins.elem "!${word}" list));
    in
    allows package.os platform.os && allows package.cpu platform.cpu && allows package.libc platform.libc;

  isLink = version: builtins.substring 0 5 version == "link:";

  # { name -> snapshot } of everything here that is not another folder of the workspace.
  edges =
    dependencies:
    let
      names = builtins.filter (
        name: !(isLink dependencies.${name}) && runsHere (snapshotOf name dependencies.${name})
      ) (builtins.attrNames dependencies);
    in
    map (name: {
      inherit name;
      key = snapshotOf name dependencies.${name};
    }) names;

  closure = map (item: item.key) (builtins.genericClosure {
    startSet = builtins.concatMap (folder: map (edge: { inherit (edge) key; }) (edges lock.importers.${folder})) importers;
    operator = item: map (edge: { inherit (edge) key; }) (edges lock.snapshots.${item.key});
  });

  # Where a snapshot lies: a readable beginning, and a hash, since peers make long keys.
  place =
    key:
    let
      readable = builtins.replaceStrings [ "/" ] [ "+" ] (withoutPeers key);
    in
    "node_modules/.pnpm/${readable}-${builtins.substring 0 10 (builtins.hashString "sha256" key)}/node_modules";

  quote = text: "'${text}'";

  install =
    key:
    let
      package = withoutPeers key;
      inherit (split package) name version;
      tarball = fetch {
        inherit name version;
        inherit (lock.packages.${package}) integrity;
      };
      target = "${place key}/${name}";
    in
    ''
      mkdir -p ${quote target}
      tar -xzf ${tarball} -C ${quote target} --strip-components=1 --no-same-owner --mode=u+rwX,go+rX
    ''
    + builtins.concatStringsSep "" (map (link (place key)) (edges lock.snapshots.${key}));

  # A link from `modules`, a node_modules directory, to a snapshot, both named from the top. The link leads through
  # `up`, the way from that directory to the top.
  link =
    modules: edge:
    let
      depth = builtins.length (builtins.filter builtins.isString (builtins.split "/" "${modules}/${edge.name}")) - 1;
      up = builtins.concatStringsSep "" (builtins.genList (_: "../") depth);
      inherit (split (withoutPeers edge.key)) name;
    in
    ''
      mkdir -p "$(dirname ${quote "${modules}/${edge.name}"})"
      ln -sfn ${quote "${up}${place edge.key}/${name}"} ${quote "${modules}/${edge.name}"}
    '';

  # What a folder of the workspace gets to see, other folders of the workspace included.
  linkFolder =
    folder:
    let
      dependencies = lock.importers.${folder};
      modules = "${folder}/node_modules";
      siblings = builtins.filter (name: isLink dependencies.${name}) (builtins.attrNames dependencies);
      # link:../core is meant from the folder itself; the link lies in node_modules/@scope of it.
      sibling =
        name:
        let
          depth = builtins.length (builtins.filter builtins.isString (builtins.split "/" name));
          up = builtins.concatStringsSep "" (builtins.genList (_: "../") depth);
          target = builtins.substring 5 (-1) dependencies.${name};
        in
        ''
          mkdir -p "$(dirname ${quote "${modules}/${name}"})"
          ln -sfn ${quote "${up}${target}"} ${quote "${modules}/${name}"}
        '';
    in
    builtins.concatStringsSep "" (map (link modules) (edges dependencies) ++ map sibling siblings);
in
{
  inherit closure;
  script = builtins.concatStringsSep "" (map install closure ++ map linkFolder importers);
}
