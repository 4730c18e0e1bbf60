/** `n3xd restore`: a new cluster with the objects of a backup, on a host that belongs to none. */
import { randomBytes, randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { ERROR_CODES, N3xError } from '@n3x/core/base/errors';
import { COMMAND_FORMATS } from '@n3x/core/machine/command';
import { ClusterState } from '@n3x/core/machine/state';
import { renew } from '@n3x/core/recovery/renew';
import type { AgentConfig } from '../config/config.ts';
import { readMarker } from '../drivers/microvm/marker.ts';
import { spanText } from './assessment-text.ts';
import { type LoadedBackup, loadBackup } from './backup-source.ts';
import { type Agreed, agree, type Console } from './consent.ts';
import { openStopped } from './stopped-host.ts';

/** How to restore. */
export interface RestoreOptions extends Agreed {
  readonly config: Pick<AgentConfig, 'name' | 'dataDir' | 'settings' | 'microvm'>;
  readonly file: string;
}

/** Checks, explains, asks, and makes this host the first of the restored cluster. Gives the cluster's new id. */
export async function restore(options: RestoreOptions, console: Console): Promise<string> {
  const { config, file } = options;
  const { name, dataDir } = config;
  const backup = await loadBackup(file);
  const { header } = backup;
  checkFormat(file, header.commandFormat, header.n3xVersion);
  const data = await openStopped(dataDir);
  try {
    const member = data.identity.cluster;
    if (member !== undefined) {
      throw new N3xError(
        ERROR_CODES.alreadyMember,
        `nothing was changed: ${dataDir} belongs to a member of cluster ${member.clusterId}. Restore onto a bare host; to bring this cluster back from its own data use "n3xd recover"`,
      );
    }
    const state = ClusterState.fromRecords(header.index, backup.records);
    const held = await withoutData(state, config);
    console.stdout.write(restoreText(backup, state, config, held));
    await agree(console, options, { kind: 'cluster', name: header.clusterName, clusterId: header.clusterId });
    const clusterId = randomBytes(16).toString('hex');
    const { hostId, meta, records } = renew(state, {
      clusterId,
      cause: 'restored',
      atMs: Date.now(),
      lastIndex: header.index,
      term: header.term + 1,
      successor: {
        type: 'new',
        host: { name, uid: randomUUID(), peerId: data.identity.peerId, addresses: [], settings: config.settings },
      },
      holdBack: held,
    });
    await data.becomeMember({ clusterId, hostId, name, peers: [] }, { meta, records });
    console.stdout.write(doneText(clusterId, state, name));
    return clusterId;
  } finally {
    await data.close();
  }
}

function checkFormat(file: string, format: number, version: string): void {
  const [low, high] = COMMAND_FORMATS;
  if (format >= low && format <= high) return;
  throw new N3xError(
    ERROR_CODES.version,
    `${file} is of a cluster that writes commands of format ${format}, and this n3xd reads ${low} to ${high}: use n3x ${version}`,
  );
}

/**
 * VMs of the host whose place this one takes that are not found in its state directory, each with the reason why it is
 * held back: started here, it would come up with new, empty disks.
 */
async function withoutData(
  state: ClusterState,
  { name, microvm }: RestoreOptions['config'],
): Promise<ReadonlyMap<string, string>> {
  const held = new Map<string, string>();
  const former = state.hostByName(name);
  if (former === undefined) return held;
  for (const vm of state.vmsOnHost(former.id)) {
    if (vm.power === 'stopped' || vm.deleting) continue;
    const marker = await readMarker(join(microvm.stateDir, vm.name));
    if (marker?.uid === vm.uid) continue;
    held.set(
      vm.name,
      `its files are not on ${name}: put them back and start it, or start it to make it anew with empty disks`,
    );
  }
  return held;
}

function restoreText(
  { header }: LoadedBackup,
  state: ClusterState,
  { name, dataDir }: RestoreOptions['config'],
  held: ReadonlyMap<string, string>,
): string {
  const others = [...state.hosts()].filter((host) => host.name !== name).map((host) => host.name);
  const place = state.hostByName(name) === undefined ? 'is a new host in it' : `takes the place of ${name} in it`;
  const lines = [
    `Backup of cluster ${header.clusterName} (${header.clusterId}), made on ${header.madeOn} ${spanText(Date.now() - header.madeAtMs)} ago`,
    `  as of index ${header.index}: ${header.hosts} hosts, ${header.vms} VMs. The backup is whole.`,
    '',
    `This host, ${name}, becomes the only member of a new cluster with these objects, in ${dataDir}; it ${place}.`,
    'Every change that was made after the backup is missing from it.',
    others.length === 0
      ? 'There was no other host.'
      : `The other hosts (${others.join(', ')}) and their VMs show as lost until they join again.`,
    'If the old cluster still lives, it goes on beside the new one and runs the same VMs: restore only when it is gone for good.',
  ];
  if (held.size > 0) {
    lines.push(`Held back, because their files are not here: VM ${[...held.keys()].join(', ')}`);
  }
  return `${lines.join('\n')}\n`;
}

function doneText(clusterId: string, state: ClusterState, name: string): string {
  const others = [...state.hosts()].filter((host) => host.name !== name).map((host) => host.name);
  const steps = [
    'systemctl start n3xd, then n3xctl cluster status',
    ...(others.length === 0
      ? []
      : [
          `On each of ${others.join(', ')} that still has its data: n3xctl cluster join TOKEN, with a token of its own (n3xctl token create)`,
          'For hosts that are gone: n3xctl host remove HOST, then see to their VMs',
        ]),
  ];
  return `\nDone. The cluster goes on as ${clusterId}.\n\nNext:\n${steps.map((step, i) => `  ${i + 1}. ${step}\n`).join('')}`;
}
