/** Planted bugs of the state machine: what a command does, what is remembered of it, and what is stored. */
import type { Mutation } from './mutation.ts';

/** The planted bugs of the state machine. The checkers' own machine has them too: only rules of another kind find them. */
export const MACHINE_MUTATIONS: readonly Mutation[] = [
  {
    ...{ name: 'requests-not-recognised', summary: 'a request that comes again takes effect again' },
    ...{ budget: 20, workload: 'writes' },
    rewrites: [
      {
        file: 'machine/apply',
        find: 'if (seen !== undefined) return',
        replace: 'if (seen !== undefined && seen.index === index) return',
      },
    ],
  },
  {
    ...{ name: 'requests-forgotten-too-early', summary: 'only the last eight requests are remembered' },
    ...{ budget: 20, workload: 'writes' },
    rewrites: [{ file: 'machine/history', find: 'requests: 16_384', replace: 'requests: 8' }],
  },
  {
    ...{
      name: 'another-result-for-a-retry',
      summary: 'a request that comes again is answered with the index of its retry',
    },
    ...{ budget: 20, workload: 'writes' },
    rewrites: [
      { file: 'machine/apply', find: 'result: seen, changes: []', replace: 'result: { ...seen, index }, changes: []' },
    ],
  },
  {
    ...{ name: 'condition-ignored', summary: 'a conditional write does not look at the condition' },
    ...{ budget: 20, workload: 'conditional' },
    rewrites: [
      {
        file: 'machine/verdict',
        find: 'if (expected === undefined || expected === modifiedIndex) return undefined;',
        replace: 'if (modifiedIndex > -1) return undefined;',
      },
    ],
  },
  {
    ...{
      name: 'clock-of-the-host-in-apply',
      summary: 'a host applies commands with its own time instead of that of the entry',
    },
    ...{ budget: 10, workload: 'writes' },
    rewrites: [
      {
        file: 'loop/host-loop',
        find: 'this.#replica.apply(entry, confState)',
        replace: 'Object.assign(this.#replica, { wallMs: this.#wallMs }).apply(entry, confState)',
      },
      {
        file: 'loop/replica',
        find: 'applyProposal(this.#state, { index, term }, proposal, commandFormats)',
        replace: 'applyProposal(this.#state, { index, term }, { ...proposal, atMs: this.wallMs }, commandFormats)',
      },
    ],
  },
  {
    ...{ name: 'uid-from-the-name', summary: 'a VM that is made anew has the uid of the one before' },
    ...{ budget: 10, workload: 'writes' },
    rewrites: [{ file: 'machine/apply-vm', find: 'uid: command.uid,', replace: "uid: 'u-'.concat(name)," }],
  },
  {
    ...{
      name: 'addresses-by-count',
      summary: 'what a VM is given follows from the number of VMs, not from what is free',
    },
    ...{ budget: 20, workload: 'writes' },
    rewrites: [
      {
        file: 'machine/allocation',
        find: 'let ordinal = nextVmOrdinal;\n  while (indexes.slotTaken(ordinal % SLOT_COUNT)) ordinal += 1;',
        replace: 'const ordinal = state.vmCount;',
      },
    ],
  },
  {
    ...{
      name: 'capacity-not-counted',
      summary: 'a VM goes to a host that is large enough for it, whatever runs there',
    },
    ...{ budget: 20, workload: 'crowded', profile: 'calm' },
    rewrites: [{ file: 'machine/fit', find: 'if (vcpu > freeVcpu)', replace: 'if (vcpu > capacity.vcpu)' }],
  },
  {
    ...{
      name: 'capacity-checked-by-leader-only',
      summary: 'a decision about a host takes effect although others have filled it since',
    },
    ...{ budget: 20, workload: 'crowded', profile: 'calm' },
    rewrites: [
      {
        file: 'machine/assign',
        find: 'misfits(vm, host, tx.state.indexes)',
        replace: "misfits(vm, host, tx.state.indexes).filter(({ rule }) => rule !== 'vcpu' && rule !== 'memory')",
      },
    ],
  },
  {
    ...{
      name: 'decision-of-before-kept',
      summary: 'a VM that gets another host keeps the record of how it came to the first one',
    },
    ...{ budget: 20, workload: 'moves', profile: 'calm' },
    rewrites: [
      {
        file: 'machine/assign',
        find: 'decision: decision(tx, by, { hostId: host.id }),',
        replace: "decision: by.maker === 'move' ? vm.decision : decision(tx, by, { hostId: host.id }),",
      },
    ],
  },
  {
    ...{ name: 'places-on-lost-hosts', summary: 'VMs go to hosts that nobody hears from' },
    ...{ budget: 300, workload: 'vms', profile: 'default', durationMs: 60_000 },
    rewrites: [{ file: 'machine/fit', find: 'if (!host.reachable) found', replace: 'if (host.id < 0) found' }],
  },
  {
    ...{ name: 'index-not-moved', summary: 'a change of status leaves the index of a VM as it was' },
    ...{ budget: 10, workload: 'vms' },
    rewrites: [
      {
        file: 'machine/transaction',
        find: 'return this.#keep({ ...next, modifiedIndex: this.index }, before);',
        replace:
          "return this.#keep({ ...next, modifiedIndex: next.kind === 'vm' && this.state.vm(next.name)?.generation === next.generation ? next.modifiedIndex : this.index }, before);",
      },
    ],
  },
  {
    ...{ name: 'change-not-stored', summary: 'a change of the cluster object is made in memory and not stored' },
    ...{ budget: 20, workload: 'writes' },
    rewrites: [
      {
        file: 'machine/transaction',
        find: 'this.#note(object, object);',
        replace: "if (object.kind !== 'cluster') this.#note(object, object);",
      },
    ],
  },
  {
    ...{ name: 'deletion-not-stored', summary: 'what is deleted stays on the disk' },
    ...{ budget: 20, workload: 'writes' },
    rewrites: [
      {
        file: 'loop/consensus',
        find: 'applied: { meta: this.#applied, changes }',
        replace: 'applied: { meta: this.#applied, changes: changes.filter(([, value]) => value !== null) }',
      },
    ],
  },
  {
    ...{ name: 'apart-one-way', summary: 'a VM keeps apart from those that are there, and they not from it' },
    ...{ budget: 20, workload: 'ruled', profile: 'calm', hosts: 3 },
    rewrites: [
      {
        file: 'machine/fit',
        find: 'if (load.keepApart(pair) === 0) return',
        replace: 'if (load.keepApart(pair) < 99) return',
      },
    ],
  },
  {
    ...{ name: 'preempted-vm-lost', summary: 'a VM that made room stays assigned to the host that has removed it' },
    ...{ budget: 20, workload: 'ruled', profile: 'calm', hosts: 3 },
    rewrites: [
      {
        file: 'machine/apply-placement',
        find: 'isLeaving(vm)) return finishMove(tx, cluster, vm);',
        replace: 'isLeaving(vm)) return unchanged();',
      },
    ],
  },
  {
    ...{ name: 'room-never-made', summary: 'an important VM waits although less important ones could make room' },
    ...{ budget: 80, workload: 'ruled', profile: 'calm', hosts: 3 },
    rewrites: [
      {
        file: 'scheduler/preemption',
        find: 'if (state.indexes.lowestPriority() >= priority) return undefined;',
        replace: 'if (state.indexes.lowestPriority() <= priority) return undefined;',
      },
    ],
  },
];
