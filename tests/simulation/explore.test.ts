/**
 * Every scenario is explored as far as a short time allows, and nothing is found; every planted bug is found.
 * The figures that a long search reaches by hand stand in docs/simulation.md.
 */
import { DEFECTS } from '@n3x/sim/explore/defects';
import { explore } from '@n3x/sim/explore/explore';
import { describeStep } from '@n3x/sim/explore/node-input';
import { SCENARIOS } from '@n3x/sim/explore/scenarios';
import t from 'tap';

t.setTimeout(500_000);

/** States of each scenario: those of the first dozen steps. */
const STATES = 20_000;
/** The last of the planted bugs is found after a quarter of a million. */
const STATES_WITH_DEFECT = 400_000;

for (const scenario of Object.values(SCENARIOS)) {
  t.test(`${scenario.name}: ${scenario.summary}`, async (t) => {
    const { violation, states, depth, isComplete } = explore({ scenario, maxStates: STATES });
    t.equal(violation?.message, undefined, violation?.steps.map(describeStep).join('\n') ?? 'no rule is broken');
    t.ok(isComplete || states >= STATES, 'the search ends where it is told to');
    t.comment(`${states} states to depth ${depth}${isComplete ? ', complete' : ''}`);
  });
}

for (const defect of DEFECTS) {
  t.test(`finds ${defect.name}: ${defect.summary}`, async (t) => {
    const scenario = SCENARIOS[defect.scenario];
    if (scenario === undefined) throw new Error(`there is no scenario ${defect.scenario}`);
    const { violation, states } = explore({ scenario, defect, maxStates: STATES_WITH_DEFECT });
    t.ok(violation, 'found');
    t.comment(`${states} states: ${violation?.rule}, ${violation?.steps.length} steps`);
  });
}
