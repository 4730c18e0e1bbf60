/** The commands of a Raft script, named as in etcd's rafttest. */
import { confChange, parseChanges } from '@n3x/core/raft/confchange/describe';
import { describeMessage } from '@n3x/core/raft/describe';
import type { ProposeResult, ReadResult } from '@n3x/core/raft/step-result';
import type { Message } from '@n3x/core/raft/types';
import type { Arguments } from './arguments.ts';
import type { Environment, Recipient } from './environment.ts';
import { OUTPUT_LEVELS } from './output.ts';
import type { NodeOptions, StatePoint } from './scripted-node.ts';

/** Carries out one command. `input` is what stands between the directive and the separator. */
export type Verb = (env: Environment, args: Arguments, input: string) => void;

const ENCODER = new TextEncoder();

/** Every command about Raft itself. */
export const RAFT_VERBS: Readonly<Record<string, Verb>> = {
  'add-nodes': addNodes,
  campaign: (env, args) => env.raw(args.number('node')).campaign(),
  propose: (env, args) => {
    const raw = env.raw(args.number('node'));
    showResult(env, raw.propose(ENCODER.encode(args.word() ?? '')));
  },
  'propose-conf-change': proposeConfChange,
  'read-index': (env, args) => {
    const raw = env.raw(args.number('node'));
    showResult(env, raw.readIndex(args.word() ?? args.fail('a context is missing')));
  },
  'process-ready': (env, args) => eachNode(env, args, 'handling Ready', (id) => env.processReady(id)),
  'process-append-thread': (env, args) =>
    eachNode(env, args, 'processing append thread', (id) => env.processAppend(id)),
  'process-apply-thread': (env, args) => eachNode(env, args, 'processing apply thread', (id) => env.processApply(id)),
  'deliver-msgs': deliverMessages,
  stabilize,
  'tick-election': (env, args) => {
    const id = args.number('node');
    tick(env, id, env.node(id).options.electionTick ?? 1);
  },
  'tick-heartbeat': (env, args) => {
    const id = args.number('node');
    tick(env, id, env.node(id).options.heartbeatTick ?? 1);
  },
  'set-randomized-election-timeout': (env, args) => {
    const raw = env.raw(args.number('node'));
    raw.setRandomizedElectionTimeout(args.count('timeout') ?? args.fail('timeout is missing'));
  },
  compact: (env, args) => {
    const id = args.number('node');
    env.node(id).compact(args.number('index'));
    env.showLog(id);
  },
  'send-snapshot': (env, args) => {
    const from = args.number('sender');
    const to = args.number('receiver');
    const snapshot = env.node(from).storage.snapshot();
    const message: Message = { type: 'MsgSnap', from, to, term: env.raw(from).term, snapshot };
    env.post(message);
    env.output.print(describeMessage(message));
  },
  'raft-log': (env, args) => env.showLog(args.number('node')),
  'raft-state': (env) => env.showState(),
  status: (env, args) => {
    const table = env.raw(args.number('node')).describeProgress();
    if (table !== '') env.output.print(table);
  },
  'transfer-leadership': (env, args) => {
    const from = args.count('from') ?? args.fail('from is missing');
    env.raw(from).transferLeader(args.count('to') ?? args.fail('to is missing'));
  },
  'forget-leader': (env, args) => env.raw(args.number('node')).forgetLeader(),
  'report-unreachable': (env, args) => env.raw(args.number('node')).reportUnreachable(args.number('peer')),
  'report-snapshot': (env, args) => {
    const raw = env.raw(args.number('node'));
    const peer = args.number('peer');
    const status = args.choice('status', ['ok', 'failed']) ?? args.fail('status is missing');
    raw.reportSnapshot(peer, status === 'ok');
  },
  'log-level': (env, args) => {
    const name = args.word();
    env.output.level = OUTPUT_LEVELS.find((level) => level === name) ?? args.fail(`one of ${OUTPUT_LEVELS.join(', ')}`);
  },
};

function addNodes(env: Environment, args: Arguments): void {
  const count = args.number('count');
  const voters = args.ids('voters');
  const learners = args.ids('learners');
  const index = args.count('index');
  const content = args.text('content') ?? '';
  const readOnly = args.choice('read-only', ['safe', 'lease-based']);
  const options: NodeOptions = {
    electionTick: args.count('election-tick') ?? 3,
    heartbeatTick: args.count('heartbeat-tick') ?? 1,
    preVote: args.flag('prevote') ?? false,
    checkQuorum: args.flag('checkquorum') ?? false,
    readOnlyOption: readOnly === 'lease-based' ? 'leaseBased' : 'safe',
    asyncStorageWrites: args.flag('async-storage-writes') ?? false,
    maxInflightMsgs: args.count('inflight') ?? Number.MAX_SAFE_INTEGER,
    maxInflightBytes: args.count('inflight-bytes') ?? Number.POSITIVE_INFINITY,
    maxSizePerMsg: args.count('max-size-per-msg') ?? Number.POSITIVE_INFINITY,
    maxCommittedSizePerReady: args.count('max-committed-size-per-ready') ?? Number.POSITIVE_INFINITY,
    maxUncommittedEntriesSize: args.count('max-uncommitted-size') ?? Number.POSITIVE_INFINITY,
    disableProposalForwarding: args.flag('disable-proposal-forwarding') ?? false,
    disableConfChangeValidation: args.flag('disable-conf-change-validation') ?? false,
    stepDownOnRemoval: args.flag('step-down-on-removal') ?? false,
  };
  let base: StatePoint | undefined;
  if (index !== undefined) {
    if (index <= 1) args.fail('index has to be more than 1');
    const ascending = (ids: number[]): number[] => ids.sort((a, b) => a - b);
    const confState = {
      voters: ascending(voters),
      learners: ascending(learners),
      votersOutgoing: [],
      learnersNext: [],
      autoLeave: false,
    };
    base = { index, term: 1, confState, content };
  } else if (voters.length > 0 || learners.length > 0 || content !== '') {
    args.fail('members and content need an index');
  }
  env.addNodes(count, options, base);
}

function proposeConfChange(env: Environment, args: Arguments, input: string): void {
  const raw = env.raw(args.number('node'));
  const simple = args.flag('v1') ?? false;
  const transition = args.choice('transition', ['auto', 'implicit', 'explicit']) ?? 'auto';
  const changes = parseChanges(input);
  if (simple && (changes.length !== 1 || transition !== 'auto'))
    args.fail('v1=true takes one change and no transition');
  showResult(env, raw.proposeConfChange(confChange(changes, transition)));
}

function showResult(env: Environment, result: ProposeResult | ReadResult): void {
  if (result.status === 'dropped') env.output.error(`dropped: ${result.reason}`);
  else if ('confChangeRefused' in result) env.output.print(`refused: ${result.confChangeRefused}`);
}

function eachNode(env: Environment, args: Arguments, title: string, work: (id: number) => void): void {
  const ids = args.numbers('node');
  if (ids.length === 0) args.fail('name a node');
  for (const id of ids) {
    if (ids.length === 1) {
      work(id);
    } else {
      env.output.print(`> ${id} ${title}`);
      env.output.nested(() => work(id));
    }
  }
}

function deliverMessages(env: Environment, args: Arguments): void {
  const type = args.text('type');
  const known =
    type === undefined ? undefined : (MESSAGE_TYPES.find((name) => name === type) ?? args.fail(`no type ${type}`));
  const dropped = args.ids('drop');
  const recipients: Recipient[] = args.numbers('node').map((id) => ({ id, drop: false }));
  recipients.push(...dropped.map((id) => ({ id, drop: true })));
  if (recipients.length === 0) args.fail('name recipients');
  if (env.deliver(recipients, known) === 0) env.output.print('no messages');
}

const MESSAGE_TYPES: readonly Message['type'][] = [
  'MsgApp',
  'MsgAppResp',
  'MsgVote',
  'MsgVoteResp',
  'MsgPreVote',
  'MsgPreVoteResp',
  'MsgSnap',
  'MsgHeartbeat',
  'MsgHeartbeatResp',
  'MsgProp',
  'MsgReadIndex',
  'MsgReadIndexResp',
  'MsgTransferLeader',
  'MsgTimeoutNow',
  'MsgForgetLeader',
  'MsgStorageAppendResp',
  'MsgStorageApplyResp',
];

function stabilize(env: Environment, args: Arguments): void {
  const level = args.choice('log-level', OUTPUT_LEVELS);
  const named = args.numbers('node');
  const before = env.output.level;
  if (level !== undefined) env.output.level = level;
  try {
    env.stabilize(named.length > 0 ? named : env.nodes.map((node) => node.id));
  } finally {
    env.output.level = before;
  }
}

function tick(env: Environment, id: number, count: number): void {
  for (let i = 0; i < count; i++) env.raw(id).tick();
}
