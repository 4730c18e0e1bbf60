/** Hands the log what waits to be proposed: the commands of the loop itself, and those of this host's clients. */
import type { Command, CommandResult } from '../machine/command.ts';
import type { Consensus } from './consensus.ts';
import type { OwnProposals } from './own-proposals.ts';
import type { PendingCommands } from './pending.ts';

/** Bytes of payload that one proposal message may carry to the leader. */
const PROPOSAL_BATCH_BYTES = 1024 * 1024;

/** Where proposals come from and go to. */
export interface Proposing {
  readonly consensus: Pick<Consensus, 'propose' | 'isLeader' | 'isBusy'>;
  readonly own: OwnProposals;
  readonly commands: PendingCommands;
  readonly encode: (requestId: string, command: Command) => Uint8Array;
  /** Why a command cannot be written in the format in force; undefined when it can. */
  readonly unreadable: (command: Command) => CommandResult | undefined;
  readonly nowMs: number;
}

/** Proposes what waits, as far as the log takes it now; to be called while a leader with a quorum is known. */
export function propose({ consensus, own, commands, encode, unreadable, nowMs }: Proposing): void {
  if (own.hasQueued) {
    // What cannot be written yet is dropped too: it is decided again until it can.
    const readable = own.take().filter(({ command }) => unreadable(command) === undefined);
    const payloads = readable.map(({ requestId, command }) => encode(requestId, command));
    // Dropped ones are decided again: they are level-triggered.
    if (payloads.length > 0 && !consensus.propose(payloads)) own.clear();
  }
  if (!commands.hasUnproposed) return;
  // Group commit: what comes while enough is under way goes together once some of that is committed.
  if (consensus.isLeader && consensus.isBusy) return;
  const waiting = commands.takeUnproposed().filter(({ requestId, command }) => {
    const refusal = unreadable(command);
    if (refusal !== undefined) commands.applied(requestId, refusal);
    return refusal === undefined;
  });
  let done = 0;
  while (done < waiting.length) {
    const payloads: Uint8Array[] = [];
    let bytes = 0;
    let end = done;
    for (; end < waiting.length && bytes < PROPOSAL_BATCH_BYTES; end++) {
      const pending = waiting[end];
      if (pending === undefined) break;
      const payload = encode(pending.requestId, pending.command);
      payloads.push(payload);
      bytes += payload.length;
    }
    if (!consensus.propose(payloads)) break;
    for (const pending of waiting.slice(done, end)) pending.proposedAtMs = nowMs;
    done = end;
  }
  if (done < waiting.length) commands.putBack(waiting.slice(done));
}
