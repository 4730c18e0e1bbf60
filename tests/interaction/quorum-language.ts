/**
 * A small language for majorities. `committed cfg=(1,2,3) idx=(5,_,7)` shows what each voter has acknowledged and
 * what follows from it; `vote cfg=(1,2,3) votes=(y,n,_)` shows the state of an election; `cfgj=(..)` joins a second
 * half, `cfgj=zero` an empty one. Values go to the voters in the order in which they are named, once each; `_` is
 * one that is not known.
 *
 * Every case is computed in other ways as well, and only a disagreement is shown.
 */
import { describeJointAcked, type JointVoters, jointCommitted, jointVote } from '@n3x/core/raft/quorum/joint';
import { majorityCommitted, majorityVote } from '@n3x/core/raft/quorum/majority';
import { Arguments } from '@n3x/sim/script/arguments';
import type { Directive } from '@n3x/sim/script/datadriven';

type Values<T> = ReadonlyMap<number, T>;

/** Handles the directives of one script; cases do not depend on each other. */
export function quorumHandler(): (directive: Directive) => string {
  return (directive) => {
    const args: Arguments = new Arguments(directive);
    const first = ids(args, 'cfg');
    const joined = args.list('cfgj');
    const second = joined === undefined || joined.join() === 'zero' ? [] : joined.map((text) => whole(args, text));
    const voters: JointVoters = { incoming: new Set(first), outgoing: new Set(second) };
    const order = [...new Set([...first, ...second])];
    const known = (key: string): string[] => {
      const list = args.list(key) ?? [];
      if (list.length !== order.length) args.fail(`${key} has ${list.length} values for ${order.length} voters`);
      return [...list];
    };
    if (directive.command === 'committed') {
      const values = known('idx');
      args.done();
      return committed(
        voters,
        collect(order, values, (text) => whole(args, text)),
        joined !== undefined,
      );
    }
    if (directive.command === 'vote') {
      const values = known('votes');
      args.done();
      return vote(
        voters,
        collect(order, values, (text) => text === 'y' || (text !== 'n' && args.fail(`a vote is y, n or _: ${text}`))),
      );
    }
    return args.fail('unknown command');
  };
}

function ids(args: Arguments, key: string): number[] {
  return (args.list(key) ?? []).map((text) => whole(args, text));
}

function whole(args: Arguments, text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value <= 0) args.fail(`${text} is no whole number above zero`);
  return value;
}

function collect<T>(order: readonly number[], values: readonly string[], read: (text: string) => T): Values<T> {
  const found = new Map<number, T>();
  for (const [i, id] of order.entries()) {
    const text = values[i];
    if (text !== undefined && text !== '_') found.set(id, read(text));
  }
  return found;
}

function committed(voters: JointVoters, acked: Values<number>, joint: boolean): string {
  const indexer = (id: number): number => acked.get(id) ?? 0;
  const index = jointCommitted(voters, indexer);
  const lines = [describeJointAcked(voters, indexer)];
  const claim = (other: number, how: string): void => {
    if (other !== index) lines.push(`${other} <- ${how}`);
  };
  const swapped: JointVoters = { incoming: voters.outgoing, outgoing: voters.incoming };
  claim(jointCommitted(swapped, indexer), 'with the halves exchanged');
  claim(Math.min(byDefinition(voters.incoming, indexer), byDefinition(voters.outgoing, indexer)), 'by the definition');
  if (voters.outgoing.size === 0) {
    claim(majorityCommitted(voters.incoming, indexer), 'by one majority');
    claim(jointCommitted({ incoming: voters.incoming, outgoing: voters.incoming }, indexer), 'joined with itself');
  }
  // Whoever is behind the outcome does not matter: it stays if they acknowledge less, or nothing.
  for (const [id, at] of acked) {
    if (at >= index) continue;
    for (const less of [at - 1, 0]) {
      claim(
        jointCommitted(voters, (each) => (each === id ? less : indexer(each))),
        `with ${id} at ${less}`,
      );
    }
  }
  if (joint && voters.outgoing.size === 0) lines.push('&&\n(zero)');
  lines.push(Number.isFinite(index) ? `${index}` : 'all');
  return lines.join('\n');
}

/** The highest index that more than half of `voters` have, tried one by one. */
function byDefinition(voters: ReadonlySet<number>, indexer: (id: number) => number): number {
  if (voters.size === 0) return Number.POSITIVE_INFINITY;
  const tried = [...voters].map(indexer).sort((a, b) => b - a);
  return tried.find((index) => [...voters].filter((id) => indexer(id) >= index).length * 2 > voters.size) ?? 0;
}

function vote(voters: JointVoters, votes: Values<boolean>): string {
  const result = jointVote(voters, votes);
  const lines: string[] = [result];
  const swapped = jointVote({ incoming: voters.outgoing, outgoing: voters.incoming }, votes);
  if (swapped !== result) lines.push(`${swapped} <- with the halves exchanged`);
  if (voters.outgoing.size === 0) {
    const alone = majorityVote(voters.incoming, votes);
    if (alone !== result) lines.push(`${alone} <- by one majority`);
  }
  const outcomes = possibleOutcomes(voters, votes);
  const expected = outcomes.size === 1 ? [...outcomes][0] : 'pending';
  if (expected !== result) lines.push(`${expected} <- by trying all that may come`);
  return lines.join('\n');
}

/** What may come of the election, by every way in which the missing votes may be cast. */
function possibleOutcomes(voters: JointVoters, votes: Values<boolean>): ReadonlySet<string> {
  const missing = [...new Set([...voters.incoming, ...voters.outgoing])].filter((id) => !votes.has(id));
  const outcomes = new Set<string>();
  for (let bits = 0; bits < 2 ** missing.length; bits++) {
    const cast = new Map(votes);
    for (const [i, id] of missing.entries()) cast.set(id, ((bits >> i) & 1) === 1);
    const won = [voters.incoming, voters.outgoing].every(
      (half) => half.size === 0 || [...half].filter((id) => cast.get(id) === true).length * 2 > half.size,
    );
    outcomes.add(won ? 'won' : 'lost');
  }
  return outcomes;
}
