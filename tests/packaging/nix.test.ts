/** The Nix package as far as it can be tested without nixpkgs: its files, and what it makes of the lockfile. */
import { execFileSync } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import t from 'tap';

const ROOT = resolve(import.meta.dirname, '..', '..');

interface Layout {
  readonly closure: readonly string[];
  readonly script: string;
}

function layout(cpu: string): Layout {
  const expression = `
    let
      lock = import ${ROOT}/nix/pnpm-lock.nix (builtins.readFile ${ROOT}/pnpm-lock.yaml);
      all = import ${ROOT}/nix/node-modules.nix {
        inherit lock;
        importers = [ "packages/core" "packages/agent" "packages/cli" "packages/sim" ];
        platform = { cpu = "${cpu}"; os = "linux"; libc = "glibc"; };
        fetch = { name, version, integrity }: "<\${name}|\${version}|\${integrity}>";
      };
    in { inherit (all) closure script; }`;
  const args = ['--eval', '--strict', '--json', '--expr', expression];
  return JSON.parse(execFileSync('nix-instantiate', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }));
}

t.test('every Nix file parses', async (t) => {
  const files = globSync(['flake.nix', 'nix/**/*.nix', 'examples/**/*.nix'], { cwd: ROOT });
  t.ok(files.length > 5);
  for (const file of files) {
    t.doesNotThrow(() => execFileSync('nix-instantiate', ['--parse', join(ROOT, file)], { stdio: 'pipe' }), file);
  }
});

t.test('what a package declares is laid out for it, and nothing for development', async (t) => {
  const { script, closure } = layout('x64');
  for (const name of ['core', 'agent', 'cli', 'sim']) {
    const manifest = JSON.parse(readFileSync(join(ROOT, 'packages', name, 'package.json'), 'utf8'));
    for (const dependency of Object.keys(manifest.dependencies)) {
      t.match(script, `'packages/${name}/node_modules/${dependency}'`, `${name} sees ${dependency}`);
    }
  }
  t.notOk(closure.some((key) => /^(tap|typescript|@biomejs\/biome|node)@/.test(key)));
  t.notMatch(script, /<[^|]*\|[^|]*\|(?!sha512-)[^>]*>/, 'every tarball is fetched by its hash');
});

t.test('native packages are those of the platform', async (t) => {
  const native = (cpu: string) => layout(cpu).closure.filter((key) => key.includes('msgpackr-extract-linux'));
  t.match(native('x64'), [/linux-x64@/]);
  t.match(native('arm64'), [/linux-arm64@/]);
});
