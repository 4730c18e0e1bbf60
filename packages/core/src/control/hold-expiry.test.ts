import t from 'tap';
import { SampleCluster } from '../machine/sample.ts';
import { networkSpecSchema } from '../model/network.ts';
import { HoldExpiry } from './hold-expiry.ts';

/** A tenth longer than the hold that was asked for. */
const HOLD_MS = 66_000;
const HOLD_SECONDS = 60;

/** A network of which a VM has been given an address, and has released it. */
class Lab extends SampleCluster {
  readonly holds = new HoldExpiry();

  constructor() {
    super();
    const spec = networkSpecSchema.parse({ ipv4: { subnet: '10.0.0.0/24' }, holdSeconds: HOLD_SECONDS });
    this.apply({ type: 'networkCreate', name: 'lan', spec });
    this.release('a');
  }

  release(name: string): void {
    this.create(name, { source: { kind: 'inline', interfaces: [{ type: 'tap', network: 'lan' }] } });
    this.apply({ type: 'vmDelete', name });
  }

  /** Up to which number holds are over; 0 for none. */
  due(nowMs: number, holds = this.holds): number {
    const [decision] = holds.plan(this.state, nowMs);
    if (decision === undefined) return 0;
    if (decision.type !== 'command' || decision.command.type !== 'networkHoldEnd') throw new Error('another decision');
    return decision.command.through;
  }
}

t.test('a hold is counted from the first tick after it was seen', (t) => {
  const lab = new Lab();
  t.equal(lab.due(1_000), 0);
  // The process stood still from 1,000 to 90,000: what it had seen at "1,000" may have come just now.
  t.equal(lab.due(90_000), 0);
  t.equal(lab.due(90_000 + HOLD_MS - 1), 0);
  t.equal(lab.due(90_000 + HOLD_MS), 1);
  t.end();
});

t.test('each is counted from its own release, those that come together from the last of them', (t) => {
  const lab = new Lab();
  lab.due(0);
  lab.due(1);
  lab.release('b');
  lab.due(500);
  lab.due(501);
  lab.release('c');
  lab.due(30_000);
  lab.due(30_001);
  t.equal(lab.due(HOLD_MS + 1), 0, 'b came soon after a');
  t.equal(lab.due(HOLD_MS + 501), 2);
  t.equal(lab.due(HOLD_MS + 30_000), 2);
  t.equal(lab.due(HOLD_MS + 30_001), 3);
  const { createdIndex, generation } = lab.state.network('lan') ?? { createdIndex: 1, generation: 1 };
  lab.apply({ type: 'networkHoldEnd', name: 'lan', createdIndex, generation, through: 3 });
  t.equal(lab.state.network('lan')?.freed, 3);
  t.equal(lab.due(HOLD_MS + 99_000), 0);
  t.end();
});

t.test('releases without end put off no hold without end', (t) => {
  const lab = new Lab();
  for (let nowMs = 0; nowMs < HOLD_MS + 2_000; nowMs += 100) {
    lab.due(nowMs);
    if (nowMs % 200 === 0) lab.release(`v${nowMs}`);
  }
  t.ok(lab.due(HOLD_MS + 2_000) > 0);
  t.end();
});

t.test('a new leader counts anew, as does everybody after a change of the network', (t) => {
  const lab = new Lab();
  lab.due(0);
  lab.due(1);
  lab.apply({ type: 'networkSet', name: 'lan', changes: { holdSeconds: 10 } });
  lab.due(HOLD_MS);
  t.equal(lab.due(HOLD_MS + 1), 0);
  t.equal(lab.due(HOLD_MS + 11_001), 1);
  const other = new HoldExpiry();
  t.equal(lab.due(HOLD_MS, other), 0);
  t.equal(lab.due(HOLD_MS + 1, other), 0);
  t.equal(lab.due(HOLD_MS + 11_001, other), 1);
  other.clear();
  t.equal(lab.due(HOLD_MS + 22_001, other), 0);
  t.end();
});
