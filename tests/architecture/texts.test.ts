/** What the repository says: paths it names exist, and it names nothing of any one machine. */
import { existsSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import t from 'tap';
import { allFiles, ROOT, read } from './sources.ts';

const texts = allFiles().filter((path) => path.endsWith('.md'));
const TOP = /^(packages|tests|scripts|docs|examples|nix|\.ci)\//;

t.test('every path that a text names exists', async (t) => {
  const missing = texts.flatMap((path) =>
    [...read(path).matchAll(/`([^`\s]+)`/g)].flatMap(([, name = '']) => {
      // Patterns and placeholders are no paths.
      if (!TOP.test(name) || /[*<>{}$]|\bX\b/.test(name)) return [];
      return existsSync(join(ROOT, name.replace(/[#:].*$/, ''))) ? [] : [`${path}: ${name}`];
    }),
  );
  t.same(missing, []);
});

t.test('every link within the repository leads somewhere', async (t) => {
  const broken = texts.flatMap((path) =>
    [...read(path).matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, target = '']) => {
      if (/^(https?:|mailto:|#)/.test(target)) return [];
      return existsSync(join(ROOT, dirname(path), target.replace(/#.*$/, ''))) ? [] : [`${path}: ${target}`];
    }),
  );
  t.same(broken, []);
});

t.test('every module of every package is on the map', async (t) => {
  const map = read('docs/architecture.md');
  const modules = new Set(allFiles().flatMap((path) => /^packages\/[^/]+\/src\/[^/]+(?=\/)/.exec(path)?.[0] ?? []));
  const left = [...modules].filter((module) => !map.includes(`${module}/`)).sort();
  t.same(left, [], 'docs/architecture.md says what each module is');
});

t.test('every decision says what was decided and why, and is listed', async (t) => {
  const decisions = texts.filter((path) => path.startsWith('docs/decisions/') && !path.endsWith('README.md'));
  const list = read('docs/decisions/README.md');
  t.ok(decisions.length > 0);
  for (const path of decisions) {
    t.match(read(path), /^(## |\*\*)Decision/m, `${path}: the decision`);
    t.match(read(path), /^## (Alternatives|Why)/m, `${path}: its reasons`);
    t.ok(list.includes(`(${basename(path)})`), `${path} is in the list`);
  }
});

t.test('the lockfile names packages, not places to fetch them from', async (t) => {
  t.notMatch(read('pnpm-lock.yaml'), /https?:\/\/|tarball:/);
});

t.test('nothing names one machine or one workplace', async (t) => {
  // Spelt so that this file does not name them either.
  const paths = new RegExp(['/(ho', 'me|ro', 'ot|wo', 'rk)/[a-z.]'].join(''));
  const found = allFiles()
    .filter((path) => /\.(md|ts|mjs|nix|sh|json|ya?ml|toml)$|^\.ci\//.test(path))
    .flatMap((path) =>
      read(path)
        .split('\n')
        .flatMap((line, index) => (paths.test(line) ? [`${path}:${index + 1}: ${line.trim()}`] : [])),
    );
  t.same(found, []);
});
