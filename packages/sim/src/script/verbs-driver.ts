/** The commands that take a script one message at a time, as an exploration writes it down. */
import { describeMessage } from '@n3x/core/raft/describe';
import type { Verb } from './verbs-raft.ts';

/** Single messages, and what a driver does at once. */
export const DRIVER_VERBS: Readonly<Record<string, Verb>> = {
  // `flush 1`: all that node 1 may do without waiting for its disk or for anybody; `writes=true` with its disk.
  flush: (env, args) => env.flush(args.number('node'), args.flag('writes') ?? false),
  // `deliver-one 2 from=1 type=MsgApp`: the oldest such message; `at=2` the one after it, `keep=true` leaves it
  // under way, `lost=true` takes it away instead.
  'deliver-one': (env, args) => {
    const to = args.number('recipient');
    const from = args.count('from') ?? args.fail('from is missing');
    const type = args.text('type') ?? args.fail('type is missing');
    const at = args.count('at') ?? 1;
    const keep = args.flag('keep') ?? false;
    const lost = args.flag('lost') ?? false;
    const alike = env.underWay.filter((m) => m.to === to && m.from === from && m.type === type);
    const found = alike[at - 1] ?? args.fail('no such message is under way');
    env.output.print(`${lost ? 'dropped: ' : ''}${describeMessage(found)}`);
    env.deliverOne(found, { keep, lost });
  },
};
