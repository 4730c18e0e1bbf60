import t from 'tap';
import { conf, MembershipLab } from './test-lab.ts';
import { votersNote } from './voters-note.ts';

const auto = { role: 'auto' } as const;
const agent = { role: 'agent' } as const;

t.test('what is amiss with the voters is said, with a way out', async (t) => {
  const note = (lab: MembershipLab) => votersNote(lab.cluster.state);
  const lose = (lab: MembershipLab, hostId: number) =>
    lab.cluster.apply({ type: 'hostReachable', hostId, reachable: false });
  t.equal(note(new MembershipLab([auto], conf([1]))), '3 hosts should vote, and 1 may: join 2 more');
  t.equal(
    note(new MembershipLab([auto, auto, agent], conf([1], [2, 3]))),
    '3 hosts should vote, and 2 may, of which an odd number votes: join 1 more, or let n3 vote with `n3xctl host set n3 --role auto`',
  );
  const lab = new MembershipLab([auto, auto, auto, auto], conf([1, 2, 3], [4]));
  t.equal(note(lab), undefined);
  lose(lab, 3);
  t.equal(note(lab), 'n3 is not heard from: n4 can take over after 60 s');
  lose(lab, 4);
  t.equal(
    note(lab),
    'n3 is not heard from, and no host that may vote is left to take over: bring it back, join another',
  );
  t.match(note(new MembershipLab([auto, auto, auto], conf([1], [2, 3]))), /^3 hosts should vote, and 1 do: others/);
});
