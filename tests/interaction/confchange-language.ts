/**
 * A small language for configuration changes: `simple`, `enter-joint` and `leave-joint`, the changes as input
 * in the form `v1 l2 r3 u4`; shown are the configuration that follows, and the progress of its members, or why
 * there is none. `next` tells which command made a progress, as the log grows by one entry with each.
 *
 * Every step is checked from other sides as well, and only a disagreement is shown.
 */
import { type ChangeResult, Changer } from '@n3x/core/raft/confchange/changer';
import { parseChanges } from '@n3x/core/raft/confchange/describe';
import { restoreConfig } from '@n3x/core/raft/confchange/restore';
import { confStateOf, describeConfig, type GroupConfig, Tracker } from '@n3x/core/raft/tracker/tracker';
import { Arguments } from '@n3x/sim/script/arguments';
import type { Directive } from '@n3x/sim/script/datadriven';

const LIMITS = { maxInflightMsgs: 10, maxInflightBytes: Number.POSITIVE_INFINITY };

/** Whether `ids` can decide in `config`: a majority of every half. */
export function decides(config: GroupConfig, ids: ReadonlySet<number>): boolean {
  return [config.voters.incoming, config.voters.outgoing].every(
    (half) => half.size === 0 || [...half].filter((id) => ids.has(id)).length * 2 > half.size,
  );
}

function members(config: GroupConfig): number[] {
  const { voters, learners } = config;
  return [...new Set([...voters.incoming, ...voters.outgoing, ...learners])].sort((a, b) => a - b);
}

/** Two sets of voters without a common member that could decide, one in each configuration; undefined for none. */
export function disjointQuorums(a: GroupConfig, b: GroupConfig): string | undefined {
  if (a.voters.incoming.size === 0) return undefined;
  const ids = [...new Set([...members(a), ...members(b)])];
  for (let bits = 0; bits < 2 ** ids.length; bits++) {
    const side = new Set(ids.filter((_, i) => (bits >> i) & 1));
    const other = new Set(ids.filter((id) => !side.has(id)));
    if (decides(a, side) && decides(b, other)) return `(${[...side].join(' ')}) and (${[...other].join(' ')})`;
  }
  return undefined;
}

/** Handles the directives of one script. */
export function confChangeHandler(): (directive: Directive) => string {
  const tracker = new Tracker(LIMITS);
  let lastIndex = 0;
  return (directive) => {
    const args: Arguments = new Arguments(directive);
    const autoLeave = args.flag('autoleave') ?? false;
    args.done();
    const changes = parseChanges(directive.input);
    const changer = new Changer(tracker, lastIndex++);
    const before = tracker.config;
    let result: ChangeResult;
    switch (directive.command) {
      case 'simple':
        result = changer.simple(changes);
        break;
      case 'enter-joint':
        result = changer.enterJoint(autoLeave, changes);
        break;
      case 'leave-joint':
        result = changer.leaveJoint();
        break;
      default:
        args.fail('unknown command');
    }
    const complaints: string[] = [];
    if (tracker.config !== before) complaints.push('the configuration was changed in place');
    if (!result.ok) return [result.reason, ...complaints].join('\n');
    const { config, progress } = result;

    const disjoint = disjointQuorums(before, config);
    if (disjoint !== undefined) complaints.push(`could decide apart: ${disjoint}`);
    const restored = describeConfig(restoreConfig(LIMITS, 1, confStateOf(config)).config);
    if (restored !== describeConfig(config)) complaints.push(`restored otherwise: ${restored}`);
    if (directive.command === 'simple' && before.voters.incoming.size > 0) {
      const joint = viaJoint(tracker, lastIndex, changes);
      if (joint !== describeConfig(config)) complaints.push(`through a joint configuration: ${joint}`);
    }
    tracker.config = config;
    tracker.progress = progress;
    const lines = [...progress].map(([id, one]) => `${id}: ${one.describe()}`);
    return [describeConfig(config), ...lines, ...complaints].join('\n');
  };
}

/** Where the same changes lead through a joint configuration. */
function viaJoint(from: Tracker, lastIndex: number, changes: Parameters<Changer['simple']>[0]): string {
  const tracker = new Tracker(LIMITS);
  tracker.config = from.config;
  tracker.progress = from.progress;
  for (const step of ['enter', 'leave']) {
    const changer = new Changer(tracker, lastIndex);
    const result = step === 'enter' ? changer.enterJoint(true, changes) : changer.leaveJoint();
    if (!result.ok) return result.reason;
    tracker.config = result.config;
    tracker.progress = result.progress;
  }
  return describeConfig(tracker.config);
}
