/** The mini-language of configuration changes: `v1 l2 r3 u4`, for voter, learner, remove, update. */
import { ERROR_CODES, N3xError } from '../../base/errors.ts';
import type { ConfChange, ConfChangeSingle, ConfChangeTransition } from '../types.ts';

const LETTERS: Readonly<Record<ConfChangeSingle['type'], string>> = {
  addVoter: 'v',
  addLearner: 'l',
  remove: 'r',
  update: 'u',
};

const TYPES: Readonly<Record<string, ConfChangeSingle['type']>> = {
  v: 'addVoter',
  l: 'addLearner',
  r: 'remove',
  u: 'update',
};

/** `v1 l2 r3 u4`; empty for the change that leaves a joint configuration. */
export function describeChanges(changes: readonly ConfChangeSingle[]): string {
  return changes.map(({ type, node }) => `${LETTERS[type]}${node}`).join(' ');
}

/** Reads what {@link describeChanges} writes. Throws `N3X_INVALID` naming the word that does not fit. */
export function parseChanges(text: string): ConfChangeSingle[] {
  const words = text.split(/\s+/).filter((word) => word !== '');
  return words.map((word) => {
    const match = /^([vlru])(\d{1,15})$/.exec(word);
    const type = TYPES[match?.[1] ?? ''];
    if (match === null || type === undefined) {
      throw new N3xError(ERROR_CODES.invalid, `'${word}' is no change: write v, l, r or u and a node number`);
    }
    return { type, node: Number(match[2]) };
  });
}

/** A change with an empty context. */
export function confChange(
  changes: readonly ConfChangeSingle[],
  transition: ConfChangeTransition = 'auto',
): ConfChange {
  return { transition, changes, context: new Uint8Array(0) };
}

/** The change that leaves a joint configuration. */
export const LEAVE_JOINT: ConfChange = confChange([]);
