# The tarball of one npm package, checked against the integrity that the lockfile gives. npm itself fetches it, from
# wherever npm is configured to look (NPM_CONFIG_REGISTRY reaches the build); the hash makes the source irrelevant.
{
  lib,
  stdenvNoCC,
  nodejs,
  cacert,
}:
{
  name,
  version,
  integrity,
}:
stdenvNoCC.mkDerivation {
  name = "${builtins.replaceStrings [ "@" "/" ] [ "" "-" ] name}-${version}.tgz";
  nativeBuildInputs = [
    nodejs
    cacert
  ];
  dontUnpack = true;
  dontFixup = true;
  buildPhase = ''
    runHook preBuild
    export HOME=$PWD NODE_EXTRA_CA_CERTS=$SSL_CERT_FILE
    npm pack --ignore-scripts --fetch-retries=4 ${lib.escapeShellArg "${name}@${version}"}
    runHook postBuild
  '';
  installPhase = ''
    runHook preInstall
    mv ./*.tgz "$out"
    runHook postInstall
  '';
  outputHash = integrity;
  outputHashMode = "flat";
  impureEnvVars = lib.fetchers.proxyImpureEnvVars ++ [ "NPM_CONFIG_REGISTRY" ];
}
