import { assert } from '@n3x/core/base/assert';
import { SeededRandom } from '@n3x/core/base/random';
import fc from 'fast-check';
import t from 'tap';
import { runRaftScript } from '../script/raft-script.ts';
import { AS_IT_IS, canonical, renamings } from './canonical.ts';
import { explore } from './explore.ts';
import { ExploredNode } from './explored-node.ts';
import type { NodeInput, Step } from './node-input.ts';
import { pathScript } from './path-script.ts';
import { RowQueue } from './row-queue.ts';
import type { Scenario } from './scenario.ts';
import { SCENARIOS } from './scenarios.ts';
import { type Row, Space } from './space.ts';
import { Visited } from './visited.ts';

function scenario(name: string, change: Partial<Scenario> = {}): Scenario {
  const found = SCENARIOS[name];
  assert(found !== undefined, `there is a scenario ${name}`);
  return { ...found, ...change };
}

/** A random path of `length` steps. */
function walk(space: Space, length: number, random: SeededRandom): { readonly steps: Step[]; readonly row: Row } {
  let row = space.first();
  const steps = [...space.opening];
  for (let count = 0; count < length; count++) {
    const outcomes = [...space.steps(row)];
    const chosen = outcomes[random.below(Math.max(1, outcomes.length))];
    if (chosen === undefined) break;
    assert(Array.isArray(chosen.next), 'plain nodes break no rule');
    steps.push(chosen.choice.step);
    row = chosen.next;
  }
  return { steps, row };
}

t.test('a path, written as a script, brings plain nodes to the state that the explorer says', (t) => {
  const random = new SeededRandom(3);
  for (const each of Object.values(SCENARIOS)) {
    for (let count = 0; count < 8; count++) {
      const space = new Space(each);
      const { steps, row } = walk(space, 40, random);
      const { text, environment } = pathScript(each, steps, [each.summary]);
      for (const view of space.views(row)) {
        const raw = environment.raw(view.id);
        const { storage, appendWork } = environment.node(view.id);
        const actual = [raw.softState.role, raw.term, raw.committed, raw.lastIndex, storage.lastIndex()];
        const { beforeIndex, log, durable } = view;
        const last = [beforeIndex + log.length, durable.beforeIndex + durable.log.length];
        t.same([...actual, appendWork.length], [view.role, view.term, view.committed, ...last, view.writes], each.name);
      }
      t.equal(runRaftScript('path', text, { rewrite: true }), text, 'and so again');
    }
  }
  t.end();
});

/** All states of a small scenario, each by the least of its mirror images. */
function orbits(space: Space, by: Space): { readonly all: Set<string>; readonly orbits: Set<string> } {
  const all = new Set<string>();
  const found = new Set<string>();
  const work = [space.first()];
  for (let row = work.pop(); row !== undefined; row = work.pop()) {
    if (all.has(row.join())) continue;
    all.add(row.join());
    found.add(by.canonical(row).join());
    for (const { next } of space.steps(row)) {
      assert(Array.isArray(next), 'plain nodes break no rule');
      work.push(next);
    }
  }
  return { all, orbits: found };
}

t.test('taking mirror images for one loses none of them', (t) => {
  const budgets = { ...scenario('elections').budgets, elections: 2, duplicates: 0, crashes: 0 };
  const small = scenario('elections', { budgets, atomicWrites: true, inFlight: 8 });
  const space = new Space(small);
  const { all, orbits: expected } = orbits(space, space);
  const { states, isComplete } = explore({ scenario: small, maxStates: 1_000_000 });
  t.ok(isComplete);
  t.equal(states, expected.size, 'the search with symmetry meets every orbit of the search without');
  t.equal(explore({ scenario: small, maxStates: 1_000_000, symmetry: false }).states, all.size);
  t.ok(all.size > 3 * expected.size, `${all.size} states, ${expected.size} up to names`);
  t.end();
});

t.test('nodes with the same image answer every input alike', (t) => {
  const random = new SeededRandom(11);
  const each = scenario('replication');
  /** By image: how a node was brought there first. */
  const known = new Map<string, NodeInput[]>();
  let compared = 0;
  for (let path = 0; path < 200; path++) {
    const space = new Space(each);
    const { steps } = walk(space, 25, random);
    const inputs = steps.filter(({ node }) => node === 2).map(({ input }) => input);
    for (let length = 1; length < inputs.length; length++) {
      const [one, next] = [inputs.slice(0, length), inputs[length]];
      const node = new ExploredNode(2, each);
      for (const input of one) node.take(input);
      const image = canonical(node.image(), AS_IT_IS);
      const other = known.get(image);
      if (other === undefined) known.set(image, one);
      if (other === undefined || next === undefined || JSON.stringify(other) === JSON.stringify(one)) continue;
      const twin = new ExploredNode(2, each);
      for (const input of other) twin.take(input);
      const [a, b] = [node.take(next), twin.take(next)];
      if (canonical(a, AS_IT_IS) !== canonical(b, AS_IT_IS)) t.fail('the answers differ');
      if (canonical(node.image(), AS_IT_IS) !== canonical(twin.image(), AS_IT_IS)) t.fail('the states differ');
      compared++;
    }
  }
  t.ok(compared > 50, `${compared} pairs of histories`);
  t.end();
});

t.test('a search keeps to its bounds', (t) => {
  const each = scenario('replication');
  t.equal(explore({ scenario: each, maxStates: 1_000_000, depth: 3 }).depth, 3);
  t.ok(explore({ scenario: each, maxStates: 500 }).states < 600);
  t.notOk(explore({ scenario: each, maxStates: 1_000_000, stop: ({ states }) => states > 2_000 }).isComplete);
  t.ok(explore({ scenario: scenario('replication', { inFlight: 3 }), maxStates: 2_000 }).cut > 0);
  t.end();
});

t.test('names change what is a name and nothing else', (t) => {
  const [, swap] = renamings(3, new Set([3]));
  assert(swap !== undefined, 'there are two');
  const message = { type: 'MsgApp', from: 1, to: 3, index: 1, entries: [{ term: 2, data: new Uint8Array([65]) }] };
  t.equal(canonical(message, swap), '{entries:[{data:"A" term:2 }] from:2 index:1 to:3 type:"MsgApp" }');
  t.equal(
    canonical({ voters: [1, 3], x: [{ id: 1 }, { id: 2, y: 1 }] }, swap),
    '{voters:(2 3) x:[{id:1 y:1 },{id:2 }] }',
  );
  t.equal(canonical({ to: -1, vote: 0, left: undefined }, swap), '{to:-1 vote:0 }');
  t.equal(renamings(4, new Set()).length, 24);
  t.end();
});

t.test('rows come out as they went in', (t) => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.boolean(), fc.array(fc.nat(1_000_000), { maxLength: 300 }))), (moves) => {
      const queue = new RowQueue();
      const model: number[][] = [];
      for (let round = 0; round < 60; round++) {
        for (const [isPush, row] of moves) {
          if (isPush) {
            queue.push(model.length, row);
            model.push(row);
          } else if (queue.shift()?.row.join() !== model.shift()?.join()) return false;
        }
      }
      return queue.length === model.length;
    }),
    { numRuns: 30 },
  );
  t.end();
});

t.test('states are met once, and the way back to each is known', (t) => {
  const visited = new Visited();
  const rows = Array.from({ length: 100_000 }, (_, i) => [i, i * 7, 3]);
  rows.forEach((row, i) => {
    const number = visited.add(row, Math.floor(i / 2));
    assert(number === i, `row ${i} is new`);
    visited.reach(number, i);
  });
  t.equal(visited.size, rows.length);
  t.ok(rows.every((row) => visited.add(row, 0) === undefined));
  t.same(visited.path(11), [1, 2, 5, 11]);
  t.end();
});
