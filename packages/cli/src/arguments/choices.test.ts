import { asOfSchema } from '@n3x/core/api/placement-routes';
import { eventKindSchema } from '@n3x/core/model/cluster';
import { restartPolicySchema } from '@n3x/core/model/health';
import { hostRoleSchema } from '@n3x/core/model/host';
import { hypervisorSchema, interfaceSchema, volumeSchema } from '@n3x/core/model/vm';
import t from 'tap';
import {
  EVENT_KINDS,
  EXPLAINED_AS_OF,
  FILE_SYSTEMS,
  HOST_ROLES,
  HYPERVISORS,
  MACVTAP_MODES,
  parseChoice,
  RESTART_POLICIES,
} from './choices.ts';

t.test('the words are those of the model', async (t) => {
  t.same([...HYPERVISORS], hypervisorSchema.options);
  t.same([...HOST_ROLES], hostRoleSchema.options);
  t.same([...RESTART_POLICIES], restartPolicySchema.options);
  t.same([...EXPLAINED_AS_OF], asOfSchema.options);
  t.same([...EVENT_KINDS], eventKindSchema.options);
  for (const fsType of FILE_SYSTEMS) t.ok(volumeSchema.safeParse({ name: 'a', sizeMib: 1, fsType }).success);
  t.notOk(volumeSchema.safeParse({ name: 'a', sizeMib: 1, fsType: 'zfs' }).success);
  for (const mode of MACVTAP_MODES) {
    t.ok(interfaceSchema.safeParse({ type: 'macvtap', link: 'eth0', mode }).success);
  }
});

t.test('a wrong word is answered with the right ones', async (t) => {
  t.throws(() => parseChoice('--hypervisor', 'xen', HYPERVISORS), {
    name: 'UsageError',
    message: /^--hypervisor: "xen" is none of qemu, cloud-hypervisor, .*alioth$/,
  });
  t.throws(() => parseChoice('--hypervisor', 'qemuu', HYPERVISORS), { message: /\(did you mean qemu\?\)$/ });
});
