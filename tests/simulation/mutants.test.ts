/** Every checker bites: each planted bug is found within its budget of seeds, and none where nothing is planted. */
import { hunt, MUTATIONS } from '@n3x/sim/mutations/mutants';
import t from 'tap';

t.setTimeout(170_000);
t.ok(MUTATIONS.length >= 12);

for (const mutation of MUTATIONS) {
  t.test(mutation.name, async (t) => {
    const { found, seeds } = hunt(mutation, 1, mutation.budget);
    t.ok(found, `${mutation.summary}: found within ${mutation.budget} seeds`);
    t.comment(`${seeds} seeds: ${found?.rule}`);
  });
}
