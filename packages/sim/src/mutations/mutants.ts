/** All planted bugs. */
import { CLIENT_MUTATIONS } from './clients.ts';
import { DURABILITY_MUTATIONS } from './durability.ts';
import { ELECTION_MUTATIONS } from './elections.ts';
import { LOCK_MUTATIONS } from './locks.ts';
import type { Mutation } from './mutation.ts';
import { PROTOCOL_MUTATIONS } from './protocol.ts';
import { REPLICATION_MUTATIONS } from './replication.ts';

/** All planted bugs. */
export const MUTATIONS: readonly Mutation[] = [
  ...ELECTION_MUTATIONS,
  ...PROTOCOL_MUTATIONS,
  ...REPLICATION_MUTATIONS,
  ...DURABILITY_MUTATIONS,
  ...CLIENT_MUTATIONS,
  ...LOCK_MUTATIONS,
];
