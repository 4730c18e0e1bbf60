/** Raises the format of commands once every host that counts reads a higher one. */
import { nextFormat } from '../machine/command-format.ts';
import { reads } from '../machine/format-range.ts';
import type { ClusterState } from '../machine/state.ts';
import type { Decision, LeaderView } from './decision.ts';

/** Key of the one decision that is made here. */
export const COMMAND_FORMAT_KEY = 'commandFormat';

/**
 * `commandFormatRaise` when it is time. Not while the group changes: whoever is to vote next has to be known
 * here, and a voter that is no host any more says nothing of what it reads.
 */
export function planCommandFormat(state: ClusterState, view: LeaderView): Decision[] {
  const { voters, votersOutgoing } = view.confState;
  if (view.confChangePending || votersOutgoing.length > 0) return [];
  const format = nextFormat(state);
  if (format === undefined) return [];
  const all = voters.every((id) => {
    const facts = state.host(id)?.facts;
    return facts !== undefined && reads(facts.commandFormats, format);
  });
  if (!all) return [];
  return [{ type: 'command', key: COMMAND_FORMAT_KEY, command: { type: 'commandFormatRaise', format } }];
}
