/**
 * Method and path of every operation the client calls, and the header names. They repeat what the API's
 * tables say so that start-up need not load the schemas; a test holds the two together.
 */
import type { OperationId } from '@n3x/core/api/routes';

/** Header with the client's own id of a changing request. */
export const REQUEST_ID_HEADER = 'n3x-request-id';
/** Header with the time, in ms, within which the server must answer. */
export const TIMEOUT_HEADER = 'n3x-timeout-ms';
/** Protocol name of the `Upgrade` that opens a console. */
export const CONSOLE_UPGRADE = 'n3x-console';
/** Header of the answer that opens a console: `none` where it can only be read. */
export const CONSOLE_INPUT_HEADER = 'n3x-console-input';

/** Method and path of one operation; parameters are written `:name`. */
export interface OperationPath {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
}

/** Operations by id. */
export const OPERATIONS = {
  getVersion: { method: 'GET', path: '/v1/version' },
  getLocal: { method: 'GET', path: '/v1/local' },
  getCluster: { method: 'GET', path: '/v1/cluster' },
  initCluster: { method: 'POST', path: '/v1/cluster/init' },
  joinCluster: { method: 'POST', path: '/v1/cluster/join' },
  leaveCluster: { method: 'POST', path: '/v1/cluster/leave' },
  getBackup: { method: 'GET', path: '/v1/cluster/backup' },
  setCluster: { method: 'POST', path: '/v1/cluster/settings' },
  listTokens: { method: 'GET', path: '/v1/tokens' },
  createToken: { method: 'POST', path: '/v1/tokens' },
  revokeToken: { method: 'DELETE', path: '/v1/tokens/:id' },
  listHosts: { method: 'GET', path: '/v1/hosts' },
  getHost: { method: 'GET', path: '/v1/hosts/:name' },
  setHost: { method: 'POST', path: '/v1/hosts/:name/settings' },
  removeHost: { method: 'DELETE', path: '/v1/hosts/:name' },
  drainHost: { method: 'POST', path: '/v1/hosts/:name/drain' },
  undrainHost: { method: 'POST', path: '/v1/hosts/:name/undrain' },
  getDrain: { method: 'GET', path: '/v1/hosts/:name/drain' },
  annotateHost: { method: 'POST', path: '/v1/hosts/:name/annotations' },
  listProjects: { method: 'GET', path: '/v1/projects' },
  getProject: { method: 'GET', path: '/v1/projects/:name' },
  createProject: { method: 'POST', path: '/v1/projects' },
  setProject: { method: 'POST', path: '/v1/projects/:name/settings' },
  deleteProject: { method: 'DELETE', path: '/v1/projects/:name' },
  annotateProject: { method: 'POST', path: '/v1/projects/:name/annotations' },
  listVms: { method: 'GET', path: '/v1/vms' },
  createVm: { method: 'POST', path: '/v1/vms' },
  getVm: { method: 'GET', path: '/v1/vms/:name' },
  deleteVm: { method: 'DELETE', path: '/v1/vms/:name' },
  startVm: { method: 'POST', path: '/v1/vms/:name/start' },
  stopVm: { method: 'POST', path: '/v1/vms/:name/stop' },
  restartVm: { method: 'POST', path: '/v1/vms/:name/restart' },
  explainVm: { method: 'GET', path: '/v1/vms/:name/placement' },
  planVm: { method: 'POST', path: '/v1/vms/plan' },
  placeVm: { method: 'POST', path: '/v1/vms/:name/place' },
  migrateVm: { method: 'POST', path: '/v1/vms/:name/migrate' },
  cancelMigration: { method: 'POST', path: '/v1/vms/:name/migrate/cancel' },
  listFound: { method: 'GET', path: '/v1/hosts/:name/found' },
  listOrphans: { method: 'GET', path: '/v1/hosts/:name/orphans' },
  cleanOrphans: { method: 'POST', path: '/v1/hosts/:name/orphans/clean' },
  adoptVm: { method: 'POST', path: '/v1/hosts/:name/adopt' },
  releaseVm: { method: 'POST', path: '/v1/vms/:name/release' },
  planRebalance: { method: 'GET', path: '/v1/cluster/rebalance' },
  rebalanceCluster: { method: 'POST', path: '/v1/cluster/rebalance' },
  annotateVm: { method: 'POST', path: '/v1/vms/:name/annotations' },
  getVmLogs: { method: 'GET', path: '/v1/vms/:name/logs' },
  openVmConsole: { method: 'GET', path: '/v1/vms/:name/console' },
  updateVm: { method: 'POST', path: '/v1/vms/:name/spec' },
  rollbackVm: { method: 'POST', path: '/v1/vms/:name/rollback' },
  getVmHistory: { method: 'GET', path: '/v1/vms/:name/history' },
  listSets: { method: 'GET', path: '/v1/sets' },
  createSet: { method: 'POST', path: '/v1/sets' },
  getSet: { method: 'GET', path: '/v1/sets/:name' },
  deleteSet: { method: 'DELETE', path: '/v1/sets/:name' },
  explainSet: { method: 'GET', path: '/v1/sets/:name/placement' },
  planSet: { method: 'POST', path: '/v1/sets/plan' },
  startSet: { method: 'POST', path: '/v1/sets/:name/start' },
  stopSet: { method: 'POST', path: '/v1/sets/:name/stop' },
  restartSet: { method: 'POST', path: '/v1/sets/:name/restart' },
  scaleSet: { method: 'POST', path: '/v1/sets/:name/scale' },
  updateSet: { method: 'POST', path: '/v1/sets/:name/template' },
  rollbackSet: { method: 'POST', path: '/v1/sets/:name/rollback' },
  listVolumes: { method: 'GET', path: '/v1/volumes' },
  getVolume: { method: 'GET', path: '/v1/volumes/:ref' },
  deleteVolume: { method: 'DELETE', path: '/v1/volumes/:ref' },
  attachVolume: { method: 'POST', path: '/v1/volumes/:ref/attach' },
  detachVolume: { method: 'POST', path: '/v1/volumes/:ref/detach' },
  moveVolume: { method: 'POST', path: '/v1/volumes/:ref/move' },
  cancelVolumeMove: { method: 'POST', path: '/v1/volumes/:ref/move/cancel' },
  createVolume: { method: 'POST', path: '/v1/vms/:name/volumes' },
  recreateVolumes: { method: 'POST', path: '/v1/vms/:name/recreate-volumes' },
  listLocks: { method: 'GET', path: '/v1/locks' },
  getLock: { method: 'GET', path: '/v1/locks/:name' },
  acquireLock: { method: 'POST', path: '/v1/locks/:name/acquire' },
  renewLock: { method: 'POST', path: '/v1/locks/:name/renew' },
  releaseLock: { method: 'POST', path: '/v1/locks/:name/release' },
  breakLock: { method: 'POST', path: '/v1/locks/:name/break' },
  listNetworks: { method: 'GET', path: '/v1/networks' },
  createNetwork: { method: 'POST', path: '/v1/networks' },
  getNetwork: { method: 'GET', path: '/v1/networks/:name' },
  setNetwork: { method: 'POST', path: '/v1/networks/:name/settings' },
  deleteNetwork: { method: 'DELETE', path: '/v1/networks/:name' },
  listEvents: { method: 'GET', path: '/v1/events' },
  watch: { method: 'GET', path: '/v1/watch' },
} as const satisfies Partial<Record<OperationId, OperationPath>>;

/** Operations that the client calls. */
export type ClientOperation = keyof typeof OPERATIONS;

/** Values of a query; undefined ones are left out. */
export type QueryValues = Readonly<Record<string, string | number | boolean | undefined>>;

/** Path and query of an operation, encoded. */
export function operationPath(
  operation: ClientOperation,
  params: Readonly<Record<string, string>> = {},
  query: QueryValues = {},
): string {
  const path = OPERATIONS[operation].path.replaceAll(/:([a-z]+)/g, (_, name: string) => {
    return encodeURIComponent(params[name] ?? '');
  });
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) search.set(name, String(value));
  }
  return search.size === 0 ? path : `${path}?${search}`;
}
