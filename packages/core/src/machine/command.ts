/**
 * What goes through the Raft log. A command states an intent or an observation; `apply` decides what
 * becomes of it, the same way on every host.
 */
import { z } from 'zod';
import type { ErrorBody } from '../base/errors.ts';
import { clusterSettingsSchema, eventKindSchema } from '../model/cluster.ts';
import { drainModeSchema, drainOutcomeSchema, drainParallelSchema } from '../model/drain.ts';
import { hostFactsSchema, hostRoleSchema, hostSettingsSchema } from '../model/host.ts';
import { lockHolderSchema, lockReasonSchema, lockSlotsSchema, lockTtlSchema } from '../model/lock.ts';
import { moveCauseSchema, TOGETHER_MAX } from '../model/move.ts';
import { annotationChangesSchema, labelChangesSchema, nameSchema } from '../model/names.ts';
import { networkChangesSchema, networkSpecSchema } from '../model/network.ts';
import { strategySchema } from '../model/placement.ts';
import { quotaChangesSchema, quotasSchema } from '../model/project.ts';
import { powerSchema, vmSpecSchema, vmStatusSchema } from '../model/vm.ts';
import { projectNameSchema, vmNameSchema } from '../model/vm-name.ts';
import { volumeUidSchema } from '../model/volume.ts';
import { weighingSchema } from '../model/weighing.ts';
import type { FormatRange } from './format-range.ts';
import { VM_SET_COMMANDS } from './vm-set-command.ts';
import { VOLUME_COMMANDS } from './volume-command.ts';

/**
 * Formats of commands that this build writes and applies: [lowest, highest]. Format 1 was that of builds without moves,
 * leases, volumes, sets, networks and projects; what it says is applied otherwise now, so that they cannot be mixed.
 */
export const COMMAND_FORMATS: FormatRange = [2, 2];

/** Most VMs that one plan moves. */
export const REBALANCE_MAX = 64;

/** Most VMs that make room for one other. */
export const PREEMPT_MAX = 64;

const hostId = z.int().min(1);
const epoch = z.int().min(1);
const lockToken = z.int().min(1);
const uid = z.string().min(1).max(64);
const addresses = z.array(z.string().max(256)).max(16);

/** What a host says of a build that has yet to prove itself: the guest was seen ready with it, or will not be. */
const gateSchema = z.strictObject({
  /** Generation of the revision that it speaks of; void when another is wanted by now. */
  generation: z.int().min(1),
  outcome: z.enum(['ready', 'failed']),
  message: z.string().max(1024),
});

/** One VM in a host's report. Ignored when the VM's uid or epoch has moved on. */
export const vmReportSchema = z.strictObject({
  name: vmNameSchema,
  uid,
  epoch,
  status: vmStatusSchema,
  gate: gateSchema.optional(),
});
/** One VM in a host's report. */
export type VmReport = z.infer<typeof vmReportSchema>;

/** One move of a plan: of the VM that had this host at `epoch`, and of no later one. */
const plannedMoveSchema = z.strictObject({ name: vmNameSchema, uid, epoch, targetId: hostId });

/** The union of all commands. */
export const commandSchema = z.discriminatedUnion('type', [
  /** Same name and spec: no change. Same name, other spec: conflict naming the fields. */
  z.strictObject({ type: z.literal('vmCreate'), name: vmNameSchema, uid, spec: vmSpecSchema, power: powerSchema }),
  /** `ifModifiedIndex` makes it conditional. */
  z.strictObject({
    type: z.literal('vmSetPower'),
    name: vmNameSchema,
    power: powerSchema,
    ifModifiedIndex: z.int().optional(),
  }),
  /** Another spec for a VM that is there. The same one changes nothing, unless it is to be built anew. */
  z.strictObject({
    type: z.literal('vmUpdate'),
    name: vmNameSchema,
    spec: vmSpecSchema,
    /** Build the source anew although it is the same: what it refers to may have moved. */
    rebuild: z.boolean(),
    ifModifiedIndex: z.int().optional(),
    /** Makes it conditional on what users ask for alone, whatever hosts report meanwhile. */
    ifGeneration: z.int().optional(),
  }),
  /** Back to the last build that was ready, or that of a generation. */
  z.strictObject({
    type: z.literal('vmRollback'),
    name: vmNameSchema,
    to: z.int().min(1).optional(),
    ifModifiedIndex: z.int().optional(),
  }),
  z.strictObject({ type: z.literal('vmRestart'), name: vmNameSchema, ifModifiedIndex: z.int().optional() }),
  /** Sets and takes away annotations of a VM, host or project. */
  z.strictObject({
    type: z.literal('annotate'),
    kind: z.enum(['vm', 'host', 'project']),
    name: vmNameSchema,
    set: annotationChangesSchema,
    ifModifiedIndex: z.int().optional(),
  }),
  z.strictObject({
    type: z.literal('vmDelete'),
    name: vmNameSchema,
    /** Whether its volumes stay, as volumes of no VM. */
    keepVolumes: z.boolean().optional(),
    ifModifiedIndex: z.int().optional(),
  }),
  /** Takes over a VM that was on this host before n3x managed it. Refused like a new VM, and like an assignment. */
  z.strictObject({
    type: z.literal('vmAdopt'),
    name: vmNameSchema,
    uid,
    spec: vmSpecSchema,
    power: powerSchema,
    hostId,
  }),
  /** Hands a VM back to its host as it is: n3x forgets it, its process runs on. */
  z.strictObject({ type: z.literal('vmRelease'), name: vmNameSchema, ifModifiedIndex: z.int().optional() }),
  /** The placement controller's decision; refused when the VM or the host moved on, or it does not fit. */
  z.strictObject({
    type: z.literal('vmAssign'),
    name: vmNameSchema,
    uid,
    hostId,
    /** `modifiedIndex` of the VM that the decision was made from. */
    baseIndex: z.int(),
    /** What was seen of the hosts, to be told later: nothing follows from it. */
    weighing: weighingSchema.optional(),
  }),
  /** A user's decision for a VM without a host; the hard rules hold for it too. */
  z.strictObject({
    type: z.literal('vmPlace'),
    name: vmNameSchema,
    host: nameSchema,
    ifModifiedIndex: z.int().optional(),
  }),
  /** The placement controller's decision that VMs of lower priority make room for this one. */
  z.strictObject({
    type: z.literal('vmPreempt'),
    name: vmNameSchema,
    uid,
    hostId,
    baseIndex: z.int(),
    victims: z
      .array(z.strictObject({ name: vmNameSchema, uid, epoch }))
      .min(1)
      .max(PREEMPT_MAX),
  }),
  /** A VM is to leave its host in good order. Void once the VM has moved on from the assignment at `epoch`. */
  z.strictObject({
    type: z.literal('vmMove'),
    name: vmNameSchema,
    uid,
    epoch,
    cause: moveCauseSchema,
    /** Only a stopped VM may go without one: it takes no room anywhere until it starts. */
    targetId: hostId.optional(),
    ifModifiedIndex: z.int().optional(),
    /** What was seen of the hosts when the target was chosen; absent when it was named. */
    weighing: weighingSchema.optional(),
  }),
  /** VMs of one host that are to be near each other leave it together, all of them or none. */
  z.strictObject({
    type: z.literal('vmMoveTogether'),
    cause: moveCauseSchema,
    targetId: hostId,
    moves: z
      .array(z.strictObject({ name: vmNameSchema, uid, epoch, weighing: weighingSchema.optional() }))
      .min(2)
      .max(TOGETHER_MAX),
  }),
  /** The target of a move has built the VM, or could not. `index` is that at which the move began. */
  z.strictObject({
    type: z.literal('vmMoveBuilt'),
    hostId,
    name: vmNameSchema,
    uid,
    index: z.int(),
    failure: z.string().max(256).optional(),
  }),
  /** The target of a move tells how far it is with the VM's volumes. */
  z.strictObject({
    type: z.literal('vmMoveCopying'),
    hostId,
    name: vmNameSchema,
    uid,
    /** Raft index at which the move began. */
    index: z.int(),
    copiedBytes: z.int().min(0),
    /** What is in the way; it is tried again. */
    problem: z.string().max(256).optional(),
  }),
  /** The target of a move has whole copies of the VM's volumes, or cannot get them. Only then is the VM its own. */
  z.strictObject({
    type: z.literal('vmMoveCopied'),
    hostId,
    name: vmNameSchema,
    uid,
    index: z.int(),
    /** Each with the epoch that is stamped beside it. */
    volumes: z.array(z.strictObject({ uid: volumeUidSchema, epoch: z.int().min(0) })).max(16),
    failure: z.string().max(256).optional(),
  }),
  /** A move is given up: the VM runs on where it is, and is started there again if it has stopped already. */
  z.strictObject({
    type: z.literal('vmMoveCancel'),
    name: vmNameSchema,
    uid,
    index: z.int(),
    reason: z.string().min(1).max(256),
  }),
  /** A user takes the move of a VM back; no change when it does not move any more. */
  z.strictObject({ type: z.literal('vmMigrateCancel'), name: vmNameSchema, ifModifiedIndex: z.int().optional() }),
  /** A plan made from an earlier state: what has moved on since is left out. */
  z.strictObject({
    type: z.literal('clusterRebalance'),
    moves: z.array(plannedMoveSchema).min(1).max(REBALANCE_MAX),
  }),
  /** The placement controller found no host; `message` lists why, host by host. */
  z.strictObject({
    type: z.literal('vmUnplaceable'),
    name: vmNameSchema,
    uid,
    baseIndex: z.int(),
    reason: z.string().max(64),
    message: z.string().max(1024),
    weighing: weighingSchema.optional(),
  }),
  /**
   * The leader of `term` has counted the lease of the VM's host to its end: nothing of it runs there any more. Void
   * in the log of another term, whose leader may have renewed the lease.
   */
  z.strictObject({
    type: z.literal('vmFailover'),
    name: vmNameSchema,
    uid,
    hostId,
    epoch,
    term: z.int().min(1),
  }),
  /** What a host observed of its VMs. */
  z.strictObject({ type: z.literal('vmReport'), hostId, reports: z.array(vmReportSchema).min(1).max(256) }),
  /** The host has removed a VM that is deleted or leaves. */
  z.strictObject({
    type: z.literal('vmRemoved'),
    hostId,
    name: vmNameSchema,
    uid,
    epoch,
    /** The move that it was removed for: an earlier one may have been given up, and the VM started again since. */
    moveIndex: z.int().optional(),
  }),
  ...VOLUME_COMMANDS,
  /** A joining host presents a token. The same peer may present it again and gets the same answer. */
  z.strictObject({
    type: z.literal('hostJoin'),
    tokenId: z.string().max(64),
    secretHash: z.string().max(128),
    peerId: z.string().min(1).max(128),
    uid,
    name: nameSchema,
    addresses,
    settings: hostSettingsSchema,
    facts: hostFactsSchema,
  }),
  /** The leader has waited in vain for a host that was let in. */
  z.strictObject({ type: z.literal('hostJoinExpired'), hostId }),
  /** A host tells of itself at every start and reload. */
  z.strictObject({
    type: z.literal('hostReport'),
    hostId,
    addresses,
    settings: hostSettingsSchema,
    facts: hostFactsSchema,
  }),
  /** The leader's judgement of who is heard from. */
  z.strictObject({ type: z.literal('hostReachable'), hostId, reachable: z.boolean() }),
  /** The host's n3xd is about to stop in good order, and asks for a longer lease before it does. */
  z.strictObject({ type: z.literal('hostRestarting'), hostId, bootId: z.string().min(1).max(64) }),
  /**
   * The longer lease that was promised at `index` is over. `back`: the host has armed its switch for an ordinary one, or
   * has nothing fenced. `overdue`: a leader has counted it to its end, which is so for good, whoever leads.
   */
  z.strictObject({
    type: z.literal('hostRestartOver'),
    hostId,
    index: z.int().min(1),
    cause: z.enum(['back', 'overdue']),
  }),
  /** What an operator wants of a host. A label of null takes one away that was set by hand. */
  z.strictObject({
    type: z.literal('hostSet'),
    name: nameSchema,
    role: hostRoleSchema.optional(),
    labels: labelChangesSchema.optional(),
    /** Whether it shall take no more VMs. */
    cordoned: z.boolean().optional(),
  }),
  /** Asks for a host to be empty, and cordons it. Of one that is drained already it changes how. */
  z.strictObject({
    type: z.literal('hostDrain'),
    name: nameSchema,
    mode: drainModeSchema,
    parallel: drainParallelSchema,
    deadlineMs: z.number().optional(),
  }),
  /** Ends a drain, and lets the host take VMs again. */
  z.strictObject({ type: z.literal('hostUndrain'), name: nameSchema }),
  /** The leader's judgement of where a drain came to; `index` is that at which it began. */
  z.strictObject({
    type: z.literal('hostDrainNote'),
    hostId,
    index: z.int(),
    outcome: drainOutcomeSchema.optional(),
    message: z.string().max(1024),
  }),
  /** Asks for a host to leave; refused while it holds VMs or is the last one. */
  z.strictObject({ type: z.literal('hostLeave'), name: nameSchema }),
  /** Gives a lost host up, and with it the VMs on it. `force`: also one that is heard from. */
  z.strictObject({ type: z.literal('hostRemove'), name: nameSchema, force: z.boolean() }),
  /** The membership controller has taken a leaving host out of the Raft group. */
  z.strictObject({ type: z.literal('hostRemoved'), hostId }),
  /** Changes what is named and leaves the rest. */
  z.strictObject({ type: z.literal('clusterSet'), settings: clusterSettingsSchema.partial() }),
  z.strictObject({
    type: z.literal('tokenCreate'),
    id: z.string().regex(/^[0-9a-f]{16}$/),
    secretHash: z.string().regex(/^[0-9a-f]{64}$/),
    role: hostRoleSchema.optional(),
    expiresAtMs: z.number(),
  }),
  z.strictObject({ type: z.literal('tokenRevoke'), id: z.string().max(64) }),
  /** The leader has found that every host that counts reads this format; from the next entry on it is in force. */
  z.strictObject({ type: z.literal('commandFormatRaise'), format: z.int().min(1).max(255) }),
  /** Claims a slot of a lock. Of one who holds or waits already it renews the claim, and gives the same token or ticket. */
  z.strictObject({
    type: z.literal('lockAcquire'),
    name: nameSchema,
    holder: lockHolderSchema,
    reason: lockReasonSchema,
    ttlMs: lockTtlSchema,
    /** Without it 1 for a new lock, and whatever is for one that is in use. */
    slots: lockSlotsSchema.optional(),
    /** Whether to queue when there is no slot. */
    wait: z.boolean(),
  }),
  /** `token` is the fencing token or, also of one who waits, the ticket of the claim. */
  z.strictObject({ type: z.literal('lockRenew'), name: nameSchema, holder: lockHolderSchema, token: lockToken }),
  /** Gives a slot back, or a place in the queue; the slot goes to the next in the queue at once. */
  z.strictObject({ type: z.literal('lockRelease'), name: nameSchema, holder: lockHolderSchema, token: lockToken }),
  /** Ends somebody else's claim: that of `holder`, that with `token`, or without both that of the only holder. */
  z.strictObject({
    type: z.literal('lockBreak'),
    name: nameSchema,
    holder: lockHolderSchema.optional(),
    token: lockToken.optional(),
    reason: lockReasonSchema.min(1),
  }),
  /** The leader has counted a session to its end, from the renewal at `renewedIndex`. */
  z.strictObject({ type: z.literal('lockExpire'), name: nameSchema, ticket: lockToken, renewedIndex: z.int() }),
  /** Same name and spec: no change. Refused when another network has some of its addresses. */
  z.strictObject({ type: z.literal('networkCreate'), name: nameSchema, spec: networkSpecSchema }),
  /** VMs keep what they were given. */
  z.strictObject({ type: z.literal('networkSet'), name: nameSchema, changes: networkChangesSchema }),
  /** Refused while VMs are on it, or released addresses of it are held. */
  z.strictObject({ type: z.literal('networkDelete'), name: nameSchema }),
  /** The leader has counted the hold of released addresses to its end, of all up to number `through`. */
  z.strictObject({
    type: z.literal('networkHoldEnd'),
    name: nameSchema,
    createdIndex: z.int().min(1),
    generation: z.int().min(1),
    through: z.int().min(1),
  }),
  ...VM_SET_COMMANDS,
  /** Same name, quotas and strategy: no change. Same name, others: conflict. */
  z.strictObject({
    type: z.literal('projectCreate'),
    name: projectNameSchema,
    quotas: quotasSchema,
    strategy: strategySchema.optional(),
  }),
  /** Changes what is named and leaves the rest. A strategy of null is the cluster's again. */
  z.strictObject({
    type: z.literal('projectSet'),
    name: projectNameSchema,
    quotas: quotaChangesSchema,
    strategy: strategySchema.nullable().optional(),
    ifModifiedIndex: z.int().optional(),
  }),
  /** Refused while it has VMs. */
  z.strictObject({ type: z.literal('projectDelete'), name: projectNameSchema, ifModifiedIndex: z.int().optional() }),
  /** Something worth a line in the history that changes nothing else. */
  z.strictObject({
    type: z.literal('eventRecord'),
    about: z.strictObject({ kind: eventKindSchema, name: z.string().max(64) }),
    severity: z.enum(['info', 'warning', 'error']),
    reason: z.string().max(64),
    message: z.string().max(1024),
  }),
]);
/** A command. */
export type Command = z.infer<typeof commandSchema>;

/** A command with what it needs to take effect once. */
export const proposalSchema = z.strictObject({
  /** Format of this envelope and its command. */
  format: z.int().min(1),
  /** Chosen by the client; a retry carries the same one. Up to 64 printable characters. */
  requestId: z.string().regex(/^[A-Za-z0-9._:-]{1,64}$/),
  /** Wall clock of the host that took the request, ms since 1970: for display and token expiry only. */
  atMs: z.number(),
  command: commandSchema,
});
/** A command with what it needs to take effect once. */
export type Proposal = z.infer<typeof proposalSchema>;

/** What `apply` made of a command. Kept by request id, so that a retry gets the same answer. */
export type CommandResult =
  | {
      readonly ok: true;
      /** Index at which it took effect. */
      readonly index: number;
      /** False when the state already was as asked. */
      readonly changed: boolean;
      /** Facts that only this command knows, by name: `hostId` of a join, for one. */
      readonly values?: Readonly<Record<string, string | number>>;
    }
  | {
      readonly ok: false;
      readonly index: number;
      readonly error: ErrorBody;
    };
