/** What a built runner says of itself in `share/microvm`, and whether it can run beside the others of this host. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DriverFailure } from './failure.ts';
import { isMissing, type Layout } from './layout.ts';

/** Facts that a runner package carries (microvm.nix lib/runner.nix). */
export interface RunnerFacts {
  readonly hypervisor?: string;
  readonly vsockCid?: number;
  /** Names of network interfaces that the runner makes on the host. */
  readonly interfaces: readonly string[];
  readonly macs: readonly string[];
  readonly pciDevices: readonly string[];
}

/** Reads a runner's facts. Files that it lacks count as empty. */
export async function readRunner(runner: string): Promise<RunnerFacts> {
  const lines = async (file: string): Promise<string[]> => {
    try {
      const text = await readFile(join(runner, 'share/microvm', file), 'utf8');
      return text.split('\n').filter((line) => line !== '');
    } catch (error) {
      if (isMissing(error)) return [];
      throw error;
    }
  };
  const [hypervisor] = await lines('hypervisor');
  const [cid] = await lines('vsock-cid');
  // A line of macvtap-interfaces: id, MAC, link, mode.
  const macvtaps = (await lines('macvtap-interfaces')).map((line) => line.split(' '));
  return {
    ...(hypervisor === undefined ? {} : { hypervisor }),
    ...(cid === undefined || !/^\d+$/.test(cid) ? {} : { vsockCid: Number(cid) }),
    interfaces: [...(await lines('tap-interfaces')), ...macvtaps.flatMap(([id]) => id ?? [])],
    macs: macvtaps.flatMap(([, mac]) => mac?.toLowerCase() ?? []),
    pciDevices: await lines('pci-devices'),
  };
}

/**
 * Refuses to start a VM whose runner takes what another VM that runs on this host has: the second of two with one tap
 * name would take the first one's tap away, the second with one vsock id would not start. Throws `Collision`.
 */
export async function refuseCollisions(layout: Layout, name: string, runner: string): Promise<void> {
  const mine = await readRunner(runner);
  for (const other of await layout.names()) {
    if (other === name) continue;
    // Only a booted runner holds its names; an installed one may be on its way out.
    const booted = await layout.readLink(other, 'booted');
    if (booted === undefined) continue;
    const theirs = await readRunner(booted);
    const shared = [
      ...mine.interfaces.filter((id) => theirs.interfaces.includes(id)).map((id) => `the interface ${id}`),
      ...mine.macs.filter((mac) => theirs.macs.includes(mac)).map((mac) => `the MAC address ${mac}`),
      ...mine.pciDevices.filter((device) => theirs.pciDevices.includes(device)).map((device) => `the device ${device}`),
      ...(mine.vsockCid !== undefined && mine.vsockCid === theirs.vsockCid ? [`the vsock id ${mine.vsockCid}`] : []),
    ];
    if (shared.length > 0) {
      const what = shared.join(' and ');
      throw new DriverFailure('Collision', `${what} of ${name} is in use by the microVM ${other} on this host`, true);
    }
  }
}
