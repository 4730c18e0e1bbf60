/** The cross-checks of the small languages are known to fire, and mistakes in a script are not passed over. */

import type { GroupConfig } from '@n3x/core/raft/tracker/tracker';
import { type Directive, parseDirective } from '@n3x/sim/script/datadriven';
import t from 'tap';
import { confChangeHandler, disjointQuorums } from './confchange-language.ts';
import { quorumHandler } from './quorum-language.ts';

function voters(incoming: readonly number[], outgoing: readonly number[] = []): GroupConfig {
  return {
    voters: { incoming: new Set(incoming), outgoing: new Set(outgoing) },
    learners: new Set(),
    learnersNext: new Set(),
    autoLeave: false,
  };
}

function directive(line: string, input = ''): Directive {
  return { ...parseDirective(line, 'x:1'), input, position: 'x:1' };
}

t.test('majorities without a common member are found', async (t) => {
  t.equal(disjointQuorums(voters([1, 2, 3]), voters([1, 2, 3, 4])), undefined);
  t.match(disjointQuorums(voters([1, 2, 3]), voters([1, 2, 3, 4, 5])), /\(.*\) and \(.*\)/);
  t.equal(disjointQuorums(voters([1, 2, 3]), voters([4, 5, 6], [1, 2, 3])), undefined);
  t.equal(disjointQuorums(voters([4, 5, 6], [1, 2, 3]), voters([4, 5, 6])), undefined);
});

t.test('what a script gets wrong fails', async (t) => {
  const quorum = quorumHandler();
  t.throws(() => quorum(directive('committed cfg=(1,2) idx=(1)')), /1 values for 2 voters/);
  t.throws(() => quorum(directive('vote cfg=(1) votes=(maybe)')), /y, n or _/);
  t.throws(() => quorum(directive('vote cfg=(1) votes=(y) cfgx=(1)')), /unknown argument/);
  t.throws(() => quorum(directive('count')), /unknown command/);
  const confChange = confChangeHandler();
  t.throws(() => confChange(directive('simple', 'x1')), { code: 'N3X_INVALID' });
  t.throws(() => confChange(directive('leave')), /unknown command/);
});
