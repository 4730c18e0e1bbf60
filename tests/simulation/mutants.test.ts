/**
 * Every checker bites: planted bugs are found within their budgets of seeds. One part of them is looked for in each
 * run; which one follows from the sources, so that it is the same wherever they are the same and another one after a
 * change. `N3X_PLANTED=2/4` asks for a part, `N3X_PLANTED=1/1` for all.
 */
import { readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { PARTS, partDue, partOf, searchMutant } from '@n3x/sim/commands/mutants';
import { MUTATIONS } from '@n3x/sim/mutations/mutants';
import { CORE_SOURCES, rewritten } from '@n3x/sim/mutations/rewrite';
import t from 'tap';

t.setTimeout(500_000);

const [part = 1, parts = 1] = (process.env['N3X_PLANTED'] ?? `${partDue(PARTS)}/${PARTS}`).split('/').map(Number);

t.test('there are many, each with a name of its own', async (t) => {
  t.ok(MUTATIONS.length >= 45, `${MUTATIONS.length} planted bugs`);
  t.equal(new Set(MUTATIONS.map(({ name }) => name)).size, MUTATIONS.length);
  t.same(
    MUTATIONS.filter(({ make, rewrites = [] }) => make === undefined && rewrites.length === 0).map(({ name }) => name),
    [],
  );
});

t.test('each edit has its one place in the sources, and leaves a program', async (t) => {
  for (const { name, rewrites = [] } of MUTATIONS) {
    for (const file of new Set(rewrites.map((rewrite) => rewrite.file))) {
      const source = readFileSync(new URL(`${file}.ts`, CORE_SOURCES), 'utf8');
      t.doesNotThrow(() => stripTypeScriptTypes(rewritten(file, source, rewrites)), name);
    }
  }
});

t.test('every part is due at some time, and together they are all', async (t) => {
  const all = Array.from({ length: PARTS }, (_, at) => partOf(MUTATIONS, at + 1, PARTS)).flat();
  t.same(new Set(all), new Set(MUTATIONS));
  t.equal(all.length, MUTATIONS.length);
  t.equal(partDue(PARTS), partDue(PARTS));
});

for (const mutation of partOf(MUTATIONS, part, parts)) {
  t.test(mutation.name, async (t) => {
    const { rules, seeds } = await searchMutant(mutation, 1);
    t.not(seeds[0], null, `${mutation.summary}: found within ${mutation.budget} seeds`);
    t.comment(`${seeds[0]} seeds: ${rules.join()}`);
  });
}
