/** All that a loop is given. The daemon implements these for real, the simulator in virtual time. */
import type { Random } from '../base/random.ts';
import type { ClientPort } from './client.ts';
import type { DriverPort } from './driver.ts';
import type { FencePort } from './fence.ts';
import type { JournalPort } from './journal.ts';
import type { StoragePort } from './storage.ts';
import type { TransportPort } from './transport.ts';
import type { VolumePort } from './volumes.ts';

/** The ports of a loop. */
export interface Ports {
  readonly storage: StoragePort;
  readonly transport: TransportPort;
  readonly driver: DriverPort;
  readonly fence: FencePort;
  readonly volumes: VolumePort;
  readonly client: ClientPort;
  readonly journal: JournalPort;
  readonly random: Random;
}
