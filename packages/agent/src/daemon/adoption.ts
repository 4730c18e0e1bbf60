/** What was on this host before n3x, as the API asks for it: the driver's answers, with its failures as errors of the API. */
import { N3xError } from '@n3x/core/base/errors';
import type { HostAdoption } from '../api/backend.ts';
import { type FoundVm, whyNot } from '../drivers/microvm/adoption.ts';
import { DriverFailure } from '../drivers/microvm/failure.ts';
import type { MicrovmDriver } from '../drivers/microvm/microvm-driver.ts';

type Unmanaged = Exclude<FoundVm, { kind: 'managed' }>;

/** The answers of `driver`. */
export function hostAdoption(driver: MicrovmDriver): HostAdoption {
  return {
    found: () =>
      explained(async () => {
        const found = await driver.findVms();
        return found.filter((vm): vm is Unmanaged => vm.kind !== 'managed').map(view);
      }),
    adoptable: (name) => explained(() => driver.adoptable(name)),
    orphans: (interfaces) => explained(() => driver.findOrphans(interfaces)),
    clean: (interfaces, all) => explained(() => driver.cleanOrphans(interfaces, ({ ours }) => ours || all)),
    adopt: (vm) => explained(() => driver.adopt(vm)),
    release: (name, uid) => explained(() => driver.release(name, uid)),
  };
}

function view(vm: Unmanaged) {
  const flake = vm.kind === 'foreign' ? vm.flake : null;
  const adoptable = flake !== null;
  return { name: vm.name, kind: vm.kind, pid: vm.pid, flake, adoptable, reason: adoptable ? '' : whyNot(vm) };
}

async function explained<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof DriverFailure)) throw error;
    const code = error.reason === 'NotFound' ? 'N3X_NOT_FOUND' : 'N3X_DRIVER';
    throw new N3xError(code, error.message, { details: { reason: error.reason }, cause: error });
  }
}
