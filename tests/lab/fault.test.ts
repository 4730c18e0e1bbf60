/** Rounds are drawn from a seed: the same for the same one, and all kinds of fault within a few dozen. */
import { SeededRandom } from '@n3x/core/base/random';
import t from 'tap';
import { drawRound } from './fault.ts';

t.test('rounds of a seed', async (t) => {
  const draw = (seed: number) => {
    const random = new SeededRandom(seed);
    return Array.from({ length: 50 }, () => drawRound(random));
  };
  t.same(draw(7), draw(7));
  t.notSame(draw(7), draw(8));
  const faults = draw(7).flatMap((round) => round.faults.map(({ fault }) => fault));
  t.same([...new Set(faults.map(({ kind }) => kind))].sort(), [
    'cutOff',
    'cutPair',
    'killDaemon',
    'killHost',
    'slow',
    'stopDaemon',
    'stopHost',
  ]);
  t.ok(faults.length > 50, 'some rounds have two');
});
