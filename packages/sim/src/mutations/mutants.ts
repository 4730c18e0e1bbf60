/** All planted bugs. */
import { ADOPTION_MUTATIONS } from './adoption.ts';
import { ATTACHING_MUTATIONS } from './attaching.ts';
import { CLIENT_MUTATIONS } from './clients.ts';
import { CONFIGURATION_MUTATIONS } from './configurations.ts';
import { DURABILITY_MUTATIONS } from './durability.ts';
import { ELECTION_MUTATIONS } from './elections.ts';
import { HOST_MUTATIONS } from './hosts.ts';
import { LEASE_MUTATIONS } from './leases.ts';
import { LOCK_MUTATIONS } from './locks.ts';
import { LOOP_MUTATIONS } from './loop.ts';
import { MACHINE_MUTATIONS } from './machine.ts';
import { MEMBERSHIP_MUTATIONS } from './membership.ts';
import { MOVE_MUTATIONS } from './moves.ts';
import type { Mutation } from './mutation.ts';
import { NETWORK_MUTATIONS } from './networks.ts';
import { PROJECT_MUTATIONS } from './projects.ts';
import { PROTOCOL_MUTATIONS } from './protocol.ts';
import { READ_MUTATIONS } from './reads.ts';
import { REPLICATION_MUTATIONS } from './replication.ts';
import { RESTART_LEASE_MUTATIONS } from './restart-leases.ts';
import { RESTART_MUTATIONS } from './restarts.ts';
import { SET_MUTATIONS } from './sets.ts';
import { SNAPSHOT_MUTATIONS } from './snapshots.ts';
import { STORAGE_MUTATIONS } from './storage.ts';
import { VOLUME_COPY_MUTATIONS } from './volume-copies.ts';
import { VOLUME_MUTATIONS } from './volumes.ts';

/** All planted bugs. */
export const MUTATIONS: readonly Mutation[] = [
  ...ELECTION_MUTATIONS,
  ...PROTOCOL_MUTATIONS,
  ...REPLICATION_MUTATIONS,
  ...DURABILITY_MUTATIONS,
  ...STORAGE_MUTATIONS,
  ...SNAPSHOT_MUTATIONS,
  ...READ_MUTATIONS,
  ...MACHINE_MUTATIONS,
  ...LOOP_MUTATIONS,
  ...HOST_MUTATIONS,
  ...RESTART_MUTATIONS,
  ...MOVE_MUTATIONS,
  ...CONFIGURATION_MUTATIONS,
  ...CLIENT_MUTATIONS,
  ...LOCK_MUTATIONS,
  ...LEASE_MUTATIONS,
  ...RESTART_LEASE_MUTATIONS,
  ...NETWORK_MUTATIONS,
  ...MEMBERSHIP_MUTATIONS,
  ...PROJECT_MUTATIONS,
  ...SET_MUTATIONS,
  ...VOLUME_MUTATIONS,
  ...VOLUME_COPY_MUTATIONS,
  ...ATTACHING_MUTATIONS,
  ...ADOPTION_MUTATIONS,
];
