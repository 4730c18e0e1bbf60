/** What microvm.nix's runners can do, read in lib/runners/*.nix; what a runner lacks it throws at, or leaves out silently. */
import type { Hypervisor, Interface } from '../model/vm.ts';

interface Support {
  /** Types of network interfaces that its runner knows. */
  readonly interfaces: readonly Interface['type'][];
  /** It has an AF_VSOCK device. */
  readonly vsock: boolean;
  /** A volume's serial number reaches the guest. */
  readonly volumeSerial: boolean;
}

/** By hypervisor. */
export const HYPERVISOR_SUPPORT: Readonly<Record<Hypervisor, Support>> = {
  qemu: { interfaces: ['user', 'tap', 'bridge', 'macvtap'], vsock: true, volumeSerial: true },
  'cloud-hypervisor': { interfaces: ['tap', 'macvtap'], vsock: true, volumeSerial: true },
  firecracker: { interfaces: ['tap'], vsock: true, volumeSerial: false },
  crosvm: { interfaces: ['tap', 'macvtap'], vsock: true, volumeSerial: true },
  kvmtool: { interfaces: ['user', 'tap', 'macvtap'], vsock: true, volumeSerial: false },
  stratovirt: { interfaces: ['tap', 'bridge', 'macvtap'], vsock: false, volumeSerial: true },
  alioth: { interfaces: ['tap'], vsock: true, volumeSerial: false },
};
