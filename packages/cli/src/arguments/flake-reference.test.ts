import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { flakeRefSchema } from '@n3x/core/model/names';
import t from 'tap';
import { scratchDirectory } from '../testing/api-double.ts';
import { absoluteFlake, parseFlake } from './flake-reference.ts';
import { parseModule } from './guest-module.ts';

t.test('references that are no paths stay as they are', async (t) => {
  const base = { cwd: '/', home: undefined };
  for (const ref of [
    'github:me/vms',
    'nixpkgs',
    'nixpkgs/nixos-25.05',
    'git+https://x.example/a.git?ref=main',
    'flake:n',
  ]) {
    t.equal(absoluteFlake('--flake', ref, base), ref);
  }
  t.same(parseFlake('--flake', 'github:me/vms#web', base), { ref: 'github:me/vms', attribute: 'web' });
  t.same(parseFlake('--flake', 'github:me/vms#', base), { ref: 'github:me/vms', attribute: undefined });
  for (const ref of ['', 'a b', 'a"b', 'a$b']) {
    t.throws(() => absoluteFlake('--flake', ref, base), { name: 'UsageError', message: /^--flake: / }, ref);
  }
});

t.test('paths become absolute as nix makes them', async (t) => {
  const root = scratchDirectory(t);
  const flake = join(root, 'my vms');
  mkdirSync(join(flake, 'sub'), { recursive: true });
  mkdirSync(join(root, 'empty', '.git'), { recursive: true });
  writeFileSync(join(flake, 'flake.nix'), '{}');
  const base = { cwd: flake, home: root };
  const encoded = flake.replace(' ', '%20');
  for (const ref of [
    '.',
    './',
    './sub',
    '../my vms',
    flake,
    '~/my vms',
    'path:.',
    `path:${flake}`,
    `path:${encoded}`,
  ]) {
    const absolute = absoluteFlake('--flake', ref, base);
    t.equal(absolute, `path:${encoded}`, ref);
    t.ok(flakeRefSchema.safeParse(absolute).success);
  }
  t.equal(absoluteFlake('--flake', 'path:.?dir=a', base), `path:${encoded}?dir=a`);
  t.same(parseFlake('--flake', '#web', base), { ref: `path:${encoded}`, attribute: 'web' });
  mkdirSync(join(root, '.git'));
  t.equal(absoluteFlake('--flake', '.', base), `git+file://${root}?dir=my%20vms`);
  writeFileSync(join(root, 'flake.nix'), '{}');
  t.equal(absoluteFlake('--flake', '..', base), `git+file://${root}`);
  t.equal(absoluteFlake('--flake', `git+file://${root}`, base), `git+file://${root}`);
  for (const [ref, message] of [
    ['./nowhere', /^--flake: there is no directory \/.*nowhere$/],
    ['~/nowhere', /there is no directory/],
    ['path:nowhere', /there is no \/.*nowhere$/],
    ['path:%zz', /broken %-escape/],
    [`git+file://${root}/nowhere`, /there is no directory/],
    ['./flake.nix', /is not a directory; name the one that holds flake.nix/],
    ['../empty', /there is no flake.nix in .*empty or above it/],
  ] as const) {
    t.throws(() => absoluteFlake('--flake', ref, base), { name: 'UsageError', message }, ref);
  }
});

t.test('modules', async (t) => {
  const cwd = scratchDirectory(t);
  const base = { cwd, home: undefined };
  writeFileSync(join(cwd, 'a.nix'), '{ }\n');
  writeFileSync(join(cwd, 'empty.nix'), '\n');
  writeFileSync(join(cwd, 'long.nix'), 'x'.repeat(70_000));
  t.same(parseModule('a.nix', base), { kind: 'text', name: 'a.nix', text: '{ }\n' });
  t.same(parseModule('github:me/vms#nixosModules.web', base), {
    kind: 'flake',
    ref: 'github:me/vms',
    attribute: 'nixosModules.web',
  });
  for (const [text, message] of [
    ['nowhere.nix', /^--module: cannot read \/.*nowhere.nix: ENOENT/],
    ['.', /^--module: cannot read/],
    ['empty.nix', /is empty/],
    ['long.nix', /is longer than 65536 characters/],
    ['github:me/vms#', /names no attribute after #/],
  ] as const) {
    t.throws(() => parseModule(text, base), { name: 'UsageError', message }, text);
  }
});
