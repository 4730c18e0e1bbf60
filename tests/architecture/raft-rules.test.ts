/** The rules that `docs/raft.md` lists are proved by tests that exist, and no test or scenario of Raft is left out. */
import { basename, join } from 'node:path';
import t from 'tap';
import { allFiles, read } from './sources.ts';

const SOURCES = 'packages/core/src/raft/';
const SCENARIOS = 'tests/interaction/raft/';

interface Named {
  readonly rule: string;
  readonly file: string;
  readonly title?: string;
}

const rows = read('docs/raft.md')
  .split('\n')
  .map((line) => /^\| (R\d+) \|(.*)\|(.*)\|(.*)\|$/.exec(line))
  .filter((match) => match !== null);

const named: readonly Named[] = rows.flatMap(([, rule = '', , , tests = '']) =>
  [...tests.matchAll(/`([^`]+)`(?: "([^"]+)")?/g)].map(([, file = '', title]) => ({
    rule,
    file: /^(packages|tests)\//.test(file) ? file : join(file.endsWith('.txt') ? SCENARIOS : SOURCES, file),
    ...(title === undefined ? {} : { title }),
  })),
);

t.test('every rule has a number of its own, a source and a test', async (t) => {
  t.same(
    rows.map(([, rule]) => rule),
    rows.map((_, i) => `R${i + 1}`),
  );
  for (const [, rule = '', what = '', source = ''] of rows) {
    t.ok(what.trim() !== '' && source.trim() !== '', `${rule} says what and whence`);
    t.ok(
      named.some((test) => test.rule === rule),
      `${rule} names a test`,
    );
  }
});

t.test('every test that a rule names exists', async (t) => {
  const files = new Set(allFiles());
  const missing = named.filter(({ file, title }) => {
    if (!files.has(file)) return true;
    if (file.endsWith('.txt')) return title !== undefined;
    return title !== undefined && !new RegExp(`t\\.test\\(\\s*'${escaped(title)}'`).test(read(file));
  });
  t.same(missing, []);
});

t.test('every test file and every scenario of Raft proves a rule', async (t) => {
  const cited = new Set(named.map(({ file }) => file));
  const all = allFiles().filter(
    (path) =>
      (path.startsWith(SOURCES) && path.endsWith('.test.ts')) || (path.startsWith(SCENARIOS) && path.endsWith('.txt')),
  );
  t.same(
    all.filter((path) => !cited.has(path)).map((path) => basename(path)),
    [],
  );
});

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
