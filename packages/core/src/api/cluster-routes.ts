/** Routes of the cluster as a whole: they become part of the one table in `routes.ts`. */
import { BACKUP_MEDIA_TYPE } from './backup-file.ts';
import { CHANGE, READ } from './route-errors.ts';
import {
  changeResponseSchema,
  clusterInitRequestSchema,
  clusterJoinRequestSchema,
  clusterLeaveRequestSchema,
  clusterSetRequestSchema,
  clusterStatusSchema,
  membershipResponseSchema,
  readQuerySchema,
} from './schemas.ts';

const membership = { type: 'json', schema: membershipResponseSchema } as const;

/** The routes by operation id. */
export const CLUSTER_ROUTES = {
  getCluster: {
    method: 'GET',
    path: '/v1/cluster',
    tag: 'cluster',
    summary: 'The cluster: leader, quorum, hosts and VMs by phase',
    changes: false,
    query: readQuerySchema,
    answer: { type: 'json', schema: clusterStatusSchema },
    errors: READ,
  },
  initCluster: {
    method: 'POST',
    path: '/v1/cluster/init',
    tag: 'cluster',
    summary: 'Make a new cluster with this host as its only member',
    changes: true,
    body: clusterInitRequestSchema,
    answer: membership,
    errors: ['N3X_ALREADY_MEMBER', 'N3X_STORAGE', 'N3X_TIMEOUT'],
  },
  joinCluster: {
    method: 'POST',
    path: '/v1/cluster/join',
    tag: 'cluster',
    summary: 'Join the cluster that a token names',
    changes: true,
    body: clusterJoinRequestSchema,
    answer: membership,
    errors: [
      'N3X_ALREADY_MEMBER',
      'N3X_TOKEN_INVALID',
      'N3X_TOKEN_USED',
      'N3X_TOKEN_EXPIRED',
      'N3X_UNREACHABLE',
      'N3X_IDENTITY',
      'N3X_VERSION',
      'N3X_CONFLICT',
      'N3X_REFUSED',
      'N3X_NO_QUORUM',
      'N3X_TIMEOUT',
      'N3X_STORAGE',
    ],
  },
  leaveCluster: {
    method: 'POST',
    path: '/v1/cluster/leave',
    tag: 'cluster',
    summary: 'Take a host out of the cluster; without a name the one that answers',
    description: 'Refused while the host holds VMs, or when it is the last one.',
    changes: true,
    body: clusterLeaveRequestSchema,
    answer: { type: 'json', schema: changeResponseSchema },
    errors: [...CHANGE, 'N3X_NOT_FOUND'],
  },
  getBackup: {
    method: 'GET',
    path: '/v1/cluster/backup',
    tag: 'cluster',
    summary: 'The state of the cluster as a backup',
    description:
      'Everything as of one index, streamed with checksums: hosts, VMs, locks, networks, settings and history, without join tokens. ' +
      '`n3xd restore` makes a new cluster from it. A stream that is not whole is told from a whole one by its end.',
    changes: false,
    query: readQuerySchema,
    answer: { type: 'bytes', mediaType: BACKUP_MEDIA_TYPE },
    errors: READ,
  },
  setCluster: {
    method: 'POST',
    path: '/v1/cluster/settings',
    tag: 'cluster',
    summary: 'Set how many hosts vote, after what time a dead voter is replaced, and how hosts are chosen for VMs',
    description: 'What the body names changes, the rest stays. The work follows, one safe step after the other.',
    changes: true,
    body: clusterSetRequestSchema,
    answer: { type: 'json', schema: changeResponseSchema },
    errors: CHANGE,
  },
} as const;
