/** Planted bugs of networks: in what the log gives, in what the leader counts, and in what is read back. */
import type { Mutation } from './mutation.ts';

/** Workload, and a budget of seeds. */
const COMMON = { budget: 40, workload: 'networks' } as const;

/** The planted bugs of networks. */
export const NETWORK_MUTATIONS: readonly Mutation[] = [
  {
    ...{ name: 'address-hold-new-leader', summary: 'a new leader takes every hold on an address for over', ...COMMON },
    rewrites: [
      {
        file: 'control/hold-expiry',
        find: 'this.#counts.set(network.name, counted(network, before.get(network.name), nowMs));',
        replace:
          'const count = counted(network, before.get(network.name), nowMs);\n      if (this.#isNew) for (const mark of count.marks) mark.sinceMs = nowMs - 2 * count.holdMs;\n      this.#counts.set(network.name, count);',
      },
      {
        file: 'control/hold-expiry',
        find: 'return decisions;',
        replace: 'this.#isNew = false;\n    return decisions;',
      },
      { file: 'control/hold-expiry', find: '  #version = -1;\n', replace: '  #version = -1;\n  #isNew = true;\n' },
      {
        file: 'control/hold-expiry',
        find: 'this.#state = undefined;',
        replace: 'this.#state = undefined;\n    this.#isNew = true;',
      },
    ],
  },
  {
    ...{
      name: 'address-hold-of-all',
      summary: 'with the oldest hold on an address all others end too',
      ...COMMON,
      budget: 80,
    },
    rewrites: [
      {
        file: 'machine/apply-network',
        find: 'tx.putNetwork({ ...network, freed: through });',
        replace: 'tx.putNetwork({ ...network, freed: network.released });',
      },
    ],
  },
  {
    ...{
      name: 'address-hold-not-counted',
      summary: 'holds that end together are counted from the first of them',
      ...{ ...COMMON, budget: 80 },
    },
    rewrites: [
      {
        file: 'control/hold-expiry',
        find: 'seenAtMs: nowMs, sinceMs: null }',
        replace: 'seenAtMs: nowMs, sinceMs: last?.sinceMs ?? null }',
      },
    ],
  },
  {
    ...{ name: 'address-released-on-request', summary: 'a VM gives its address back before it is off its host' },
    ...COMMON,
    rewrites: [
      {
        file: 'machine/apply-vm',
        find: 'tx.putVm({ ...next, deleting: true });',
        replace: 'tx.deleteVm(next);\n  tx.putVm({ ...next, deleting: true, allocation: { ...next.allocation } });',
      },
    ],
  },
  {
    ...{ name: 'address-forgotten-at-restore', summary: 'after a restart no address is known to be released' },
    ...COMMON,
    rewrites: [
      {
        file: 'machine/state',
        find: 'if (state.put(object) !== undefined)',
        replace: "if (object.kind !== 'address' && state.put(object) !== undefined)",
      },
    ],
  },
  {
    ...{ name: 'address-by-request-taken', summary: 'an address is given by request although a VM has it', ...COMMON },
    rewrites: [
      {
        file: 'machine/address-allocation',
        find: 'const user = this.#mine.has(text) ? this.#vm : this.#state.indexes.addressUser(text);',
        replace: 'const user = this.#mine.has(text) ? this.#vm : undefined;',
      },
    ],
  },
  {
    ...{ name: 'address-by-request-given-again', summary: 'the cursor does not look who asked for an address' },
    ...COMMON,
    rewrites: [
      {
        file: 'machine/address-allocation',
        find: 'if (!this.isUsed(address) && ',
        replace: 'if (!this.#mine.has(address) && ',
      },
    ],
  },
];
