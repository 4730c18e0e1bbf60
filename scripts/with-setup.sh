#!/bin/sh
# Sets this clone up, then runs the command it was given: `sh scripts/with-setup.sh COMMAND [ARGUMENT...]`.
#
# Needs a POSIX shell, Node 20 or newer and npm. Makes sure of the system's tools (Nix, QEMU, a Linux kernel, a
# static busybox), the npm packages of the lockfile, and tap's build. What is there already is left alone,
# and a second run needs no network. Says what it does, one line each, on standard error.
set -eu

pnpm_version=12
attempts_max=3
cd "$(dirname "$0")/.."
bin=$PWD/node_modules/.bin
stamp=node_modules/.n3x-setup

say() { printf 'setup: %s\n' "$*" >&2; }
fail() {
  printf 'setup: %s\n' "$*" >&2
  exit 1
}
have() { command -v "$1" >/dev/null 2>&1; }

# Runs a command quietly, up to three times: package servers and networks have bad moments. The output is shown
# when all tries failed, or at once when it contains $1, which names a failure that trying again can't mend.
attempt() {
  final=$1
  shift
  number=1
  while ! output=$("$@" 2>&1 </dev/null); do
    case $output in *"$final"*) number=$attempts_max ;; esac
    if [ "$number" -ge "$attempts_max" ]; then
      printf '%s\n' "$output" >&2
      return 1
    fi
    say "that failed; trying again in $((number * 3)) s"
    sleep $((number * 3))
    number=$((number + 1))
  done
}

# --- The system's tools -------------------------------------------------------------------------------------------

case $(uname -m) in
  x86_64) qemu=qemu-system-x86_64 qemu_package=qemu-system-x86 kernel_package=linux-image-cloud-amd64 ;;
  aarch64) qemu=qemu-system-aarch64 qemu_package=qemu-system-arm kernel_package=linux-image-cloud-arm64 ;;
  *) fail "n3x runs on x86_64 and aarch64, and this is $(uname -m)" ;;
esac

# A kernel that the tiny guest can boot: the one named by the dev shell, NixOS' own, or one that Debian installed.
have_kernel() {
  for kernel in "${N3X_GUEST_KERNEL:-}" /boot/vmlinuz-* /run/booted-system/kernel; do
    if [ -n "$kernel" ] && [ -r "$kernel" ]; then return 0; fi
  done
  return 1
}

# The guest's only program besides the kernel, so it must need no libraries: a dynamically linked one names its
# loader near its beginning.
have_static_busybox() {
  busybox=${N3X_GUEST_BUSYBOX:-$(command -v busybox || true)}
  [ -n "$busybox" ] && [ -x "$busybox" ] && ! head -c 4096 "$busybox" | grep -q '/ld-'
}

missing='' packages=''
need() { missing="$missing${missing:+, }$1" packages="$packages $2"; }
have nix || need 'Nix' nix-bin
have "$qemu" || need "QEMU ($qemu)" "$qemu_package"
have_kernel || need 'a Linux kernel in /boot' "$kernel_package"
have_static_busybox || need 'a static busybox' busybox-static

apt_install() {
  # shellcheck disable=SC2086 # a list of package names
  DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o DPkg::Lock::Timeout=120 -o Acquire::Retries=3 \
    --no-install-recommends install $packages
}
# An image may come without package lists, or with old ones that name files which are gone.
apt_install_with_fresh_lists() {
  apt-get -qq -o Acquire::Retries=3 update && apt_install
}

if [ -n "$missing" ]; then
  system=$(. /etc/os-release 2>/dev/null && printf '%s' "${ID:-}" || true)
  if [ "$system" = debian ] && [ "$(id -u)" = 0 ]; then
    say "missing on this machine: $missing; installing the Debian packages$packages"
    # shellcheck disable=SC2086
    if ! apt-get -qq -s --no-install-recommends install $packages >/dev/null 2>&1 || ! output=$(apt_install 2>&1); then
      attempt 'Unable to locate package' apt_install_with_fresh_lists ||
        fail "apt-get could not install$packages; its last words are above"
    fi
  elif [ "$system" = debian ]; then
    fail "missing on this machine: $missing. As root: apt-get install --no-install-recommends$packages"
  elif have nix; then
    fail "missing on this machine: $missing. Run this inside 'nix develop', which has all of it"
  else
    fail "missing on this machine: $missing. Install them with the system's package manager (Debian calls them$packages)," \
      "or install Nix and run this inside 'nix develop'"
  fi
fi

# --- npm packages -------------------------------------------------------------------------------------------------

have npx || fail 'npm is missing: install Node 20 or newer with npm'

# Whatever decides what node_modules must hold. The directory itself counts too, as links inside may name it.
fingerprint() {
  {
    printf '%s %s %s\n' "$pnpm_version" "$(uname -m)" "$PWD"
    cat pnpm-lock.yaml pnpm-workspace.yaml package.json packages/*/package.json .taprc
  } | sha256sum
}

if [ "$(cat "$stamp" 2>/dev/null)" != "$(fingerprint)" ] || [ ! -d .tap ]; then
  say 'installing the npm packages of pnpm-lock.yaml'
  # CI=true: pnpm asks no questions, and the lockfile stays as it is.
  attempt ERR_PNPM_OUTDATED_LOCKFILE env CI=true npx -y "pnpm@$pnpm_version" install --frozen-lockfile ||
    fail 'pnpm could not install the packages; its last words are above'
  fresh=yes
fi

# Node 24 comes as a package. That binary needs the usual dynamic loader, which NixOS does not have: there the Node
# on PATH takes its place, for the scripts that npm runs put node_modules/.bin first.
if ! "$bin/node" --version >/dev/null 2>&1; then
  rest=$PATH: own=
  while [ -n "$rest" ] && [ -z "$own" ]; do
    directory=${rest%%:*}
    rest=${rest#*:}
    case $directory in '' | */node_modules/.bin) continue ;; esac
    major=$("$directory/node" -p 'process.versions.node.split(".")[0]' 2>/dev/null || true)
    if [ "${major:-0}" -ge 24 ]; then own=$directory/node; fi
  done
  [ -n "$own" ] || fail "the packaged Node 24 does not run here, and PATH has none: run this inside 'nix develop'"
  say "using $own, since the packaged Node does not run here"
  ln -sfn "$own" "$bin/node"
fi
PATH=$bin:$PATH
export PATH

if [ "${fresh:-}" = yes ]; then
  say 'building tap with the plugins of .taprc'
  attempt 'no such file' tap build || fail "'tap build' failed; its last words are above"
  fingerprint >"$stamp"
fi

# Bundles of the programs. They run without, from their sources, only slower to start and larger in memory.
if [ ! -e packages/agent/dist/n3xd.mjs ] || [ ! -e packages/cli/dist/n3xctl.mjs ] ||
  [ -n "$(find packages/core/src packages/agent/src packages/cli/src -name '*.ts' -newer packages/agent/dist/n3xd.mjs | head -n 1)" ]; then
  say 'bundling n3xd and n3xctl'
  node scripts/build.ts || fail 'the bundles could not be built; the last words are above'
fi

[ "$#" -gt 0 ] || exit 0
exec "$@"
