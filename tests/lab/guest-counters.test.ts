/** The second witness: boots of a guest that overlap are told apart from boots that follow each other. */
import t from 'tap';
import { GuestCounters } from './guest-counters.ts';
import type { WatchEvent } from './watch-report.ts';

const FIRST = '11111111-2222-3333-4444-555555555555';
const SECOND = '66666666-7777-8888-9999-000000000000';

t.test('boots that follow each other, boots that overlap, and noise', async (t) => {
  const told: WatchEvent[] = [];
  const counters = new GuestCounters((event) => told.push(event));
  counters.hear(`web ${FIRST} 1`, 0);
  counters.hear(`web ${FIRST} 2`, 200);
  counters.hear(`web ${FIRST} 9`, 1_600);
  counters.hear('web is not counting', 1_700);
  counters.hear(`web ${SECOND} 1`, 9_000);
  counters.hear(`db ${FIRST} 1`, 9_100);
  t.same(told, [
    { type: 'guest', atMs: 0, vm: 'web', boot: FIRST },
    { type: 'count', atMs: 1_600, vm: 'web', boot: FIRST, number: 9 },
    { type: 'guest', atMs: 9_000, vm: 'web', boot: SECOND },
    { type: 'guest', atMs: 9_100, vm: 'db', boot: FIRST },
  ]);
  told.length = 0;
  counters.hear(`web ${FIRST} 40`, 9_200);
  t.match(told[0], { type: 'guestTwice', vm: 'web', boot: FIRST, later: SECOND });
  t.equal(counters.lines, 6);
});
