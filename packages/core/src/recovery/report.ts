/**
 * What one survivor knows, as a small document that can be carried from host to host: enough to tell which survivor
 * knows most, what may be lost, and who has to be asked. It holds no secret.
 */
import { z } from 'zod';
import { hostRoleSchema, membershipSchema } from '../model/host.ts';
import { nameSchema } from '../model/names.ts';
import type { ConfState } from '../raft/types.ts';

/** Format of the document. */
export const REPORT_FORMAT = 1;

/** Entries that are described one by one; of more, the last ones. */
export const REPORT_TAIL_MAX = 500;

const index = z.int().min(0);
const nodes = z.array(z.int().min(1)).max(4_096);

const confStateSchema = z.strictObject({
  voters: nodes,
  votersOutgoing: nodes,
  learners: nodes,
  learnersNext: nodes,
  autoLeave: z.boolean(),
});

/** One entry of the log in words. */
export const reportEntrySchema = z.strictObject({
  index,
  term: index,
  /** One line: what it does if it takes effect. */
  text: z.string().max(512),
});
/** One entry of the log in words. */
export type ReportEntry = z.infer<typeof reportEntrySchema>;

/** What one survivor knows. */
export const recoveryReportSchema = z.strictObject({
  kind: z.literal('n3x-recovery-report'),
  format: z.literal(REPORT_FORMAT),
  n3xVersion: z.string().max(32),
  /** Wall clock of the host, ms since 1970. */
  madeAtMs: z.number(),
  clusterId: z.string().regex(/^[0-9a-f]{32}$/),
  /** Null for a host that had joined and was still waiting for its first state. */
  clusterName: z.string().max(63).nullable(),
  host: z.strictObject({ id: z.int().min(1), name: nameSchema, peerId: z.string().max(128) }),
  hardState: z.strictObject({ term: index, vote: index, commit: index }),
  /** The last entry. Index 0 for an empty log. */
  last: z.strictObject({ index, term: index }),
  /** Up to here every entry is known to be committed. */
  commit: index,
  applied: z.strictObject({ index, term: index }),
  /** Where each term of the log begins, oldest first. What is before the first was dropped after it had been applied. */
  terms: z.array(z.strictObject({ term: index, from: index })).max(1_000_000),
  /** The configurations of the Raft group: the applied one, then what each entry after it makes of it. */
  confStates: z.array(confStateSchema).min(1),
  /** The hosts, as of the whole log. */
  hosts: z
    .array(
      z.strictObject({
        id: z.int().min(1),
        name: nameSchema,
        peerId: z.string().max(128),
        role: hostRoleSchema,
        membership: membershipSchema,
        addresses: z.array(z.string().max(256)).max(16),
        reachable: z.boolean(),
        reachableSinceMs: z.number(),
        vms: z.int().min(0),
      }),
    )
    .max(4_096),
  counts: z.strictObject({ hosts: z.int(), vms: z.int(), records: z.int() }),
  /** The entries after `commit`, at most {@link REPORT_TAIL_MAX} of them: the last ones. */
  tail: z.array(reportEntrySchema).max(REPORT_TAIL_MAX),
  /** How many more there are before those. */
  tailOmitted: z.int().min(0),
});
/** What one survivor knows. */
export type RecoveryReport = z.infer<typeof recoveryReportSchema>;

/** A host as a report names it. */
export type ReportHost = RecoveryReport['hosts'][number];

/** A configuration with lists of its own, as a document holds it. */
export function plainConfState(state: ConfState): RecoveryReport['confStates'][number] {
  return {
    voters: [...state.voters],
    votersOutgoing: [...state.votersOutgoing],
    learners: [...state.learners],
    learnersNext: [...state.learnersNext],
    autoLeave: state.autoLeave,
  };
}
