/** What each rule is for, what it means that it is broken, and which events tell of it. */

/** Kinds of events by which a story is told. */
export type StoryKind = 'votes' | 'entries' | 'snapshots' | 'reads' | 'heartbeats' | 'writes' | 'applies' | 'clients';

/** A rule, for somebody who has never seen it broken. */
export interface Meaning {
  /** What holds in a sound cluster, and why. */
  readonly promise: string;
  /** What it means that it does not, and where to look. */
  readonly broken: string;
  /** What is shown beside roles, starts, ends and faults. */
  readonly shows: readonly StoryKind[];
}

/** Meanings by rule, as `list` names them. */
export const MEANINGS: Readonly<Record<string, Meaning>> = {
  'S1 election-safety': {
    promise:
      'A leader needs the votes of a majority, a host votes once per term, and two majorities share a host: so a term has one leader at most.',
    broken:
      'Some host voted twice in the term, forgot its vote when it started again, or a candidate counted votes that it did not have. Look for two granted MsgVoteResp of one host in the same term, and for a start between them.',
    shows: ['votes', 'writes'],
  },
  'S1 election-quorum': {
    promise:
      'A host leads once a majority of the voters has given it its vote: a majority of each half while the configuration is joint.',
    broken:
      'A host took itself for elected with fewer votes than that. Look at the granted MsgVoteResp that it got in its term, and at the configuration that it counted them by.',
    shows: ['votes', 'writes'],
  },
  'S1 commit-quorum': {
    promise:
      'A leader takes an entry of its own term for committed once it is on the disks of a majority of the voters.',
    broken:
      'It took one for committed that fewer have. Either it counted an answer that was none, or an entry of an older term by its copies, or by the wrong configuration. Look at the MsgAppResp before.',
    shows: ['entries', 'writes'],
  },
  'S1 safe-membership': {
    promise:
      'A change of the voters is begun only when majorities of those before and after it live and are heard from, its new voters have caught up, and it is needed.',
    broken:
      'A leader wrote a change that the failures of the moment could not carry, or that nobody needed. Look at who was down or cut off when it did, and at when the leader last heard from them.',
    shows: ['entries', 'writes', 'snapshots'],
  },
  'S1 one-change-at-a-time': {
    promise:
      'Majorities of two configurations are sure to share a host only when they are one change apart: a change is begun when the one before is committed.',
    broken:
      'A leader wrote a change of the configuration while another was not committed. Look at both entries, and at the term in which each was written.',
    shows: ['entries', 'votes', 'writes'],
  },
  'S1 caught-up-before-vote': {
    promise:
      'A host gets a vote once it has nearly all of the log: before that its vote would only make every majority harder to reach.',
    broken:
      'It got one while it was far behind. Look at how far it had acknowledged when the change was written, and at what the leader took for that.',
    shows: ['entries', 'snapshots', 'heartbeats'],
  },
  'S1 durable-promises': {
    promise:
      'A host speaks only of what its disk would still have after a power cut: its term, its vote, the entries that it acknowledges.',
    broken:
      'It has said something that it no longer knows. Either the message left before the write that it rests on was durable, or the write was lost or not read back. Look at the last write before the message, and at the start after it.',
    shows: ['votes', 'entries', 'writes'],
  },
  'S1 leader-append-only': {
    promise: 'A leader adds to its log and never replaces what is in it; only followers do.',
    broken: 'A host wrote over its own log while it led. Look at its role before and after the write.',
    shows: ['entries', 'writes'],
  },
  'S1 log-matching': {
    promise: 'Logs that have an entry of the same index and term are the same up to it.',
    broken:
      'Two hosts hold different entries under one index and term, or a log has a gap. Either two leaders of one term wrote them, or a follower took entries that do not follow on what it has. Look for the append that it said yes to.',
    shows: ['entries', 'writes', 'snapshots'],
  },
  'S1 leader-completeness': {
    promise:
      'What is committed is held by a majority, and who is elected has asked a majority: a new leader has it all.',
    broken:
      'A leader lacks a committed entry. Either votes went to a candidate whose log was behind, or the entry was taken for committed while no majority had it. Look at the votes of its term, and at who had acknowledged the entry.',
    shows: ['votes', 'entries', 'writes'],
  },
  'S1 state-machine-safety': {
    promise: 'At the same index every host has applied the same entries and so has the same state.',
    broken:
      'States differ, or something was applied that is not committed. Either an entry was skipped, doubled or another, or applying it depends on more than state and entry. Look at what the host applied since its last start, and where its state came from.',
    shows: ['entries', 'applies', 'snapshots', 'writes'],
  },
  'S2 acknowledged-writes': {
    promise: 'What a client is told of its write is what the log decided.',
    broken: 'An answer has no such entry behind it. Look at what the answering host had applied when it answered.',
    shows: ['clients', 'applies'],
  },
  'S2 requests-once': {
    promise: 'A request has an id and takes effect once, however often it is sent.',
    broken: 'The same id took effect twice. Look at both entries, and at what became of the remembered ids in between.',
    shows: ['clients', 'entries', 'applies'],
  },
  'S2 answered-once': {
    promise: 'Whoever asks is answered once, with what happened or with that it is not known, by the deadline.',
    broken:
      'Nobody answered, or somebody did twice. Look at whether the host restarted, lost its role or dropped the request in between.',
    shows: ['clients', 'reads', 'applies'],
  },
  'S2 linearizability': {
    promise:
      'Every operation takes effect at one moment between its question and its answer, and all answers fit one order of these moments.',
    broken:
      'No such order explains an answer: most often a read missed a write that was answered before it began, or a write took effect that was said to have none. Look at who answered, whether it led, and how far it had applied.',
    shows: ['clients', 'reads', 'applies'],
  },
  'S4 lock-limit': {
    promise:
      'A lock has never more holders than slots, those included that still take themselves for holders by their own clock.',
    broken:
      'Somebody was let in too early. Look at when the last lease of the holder before was granted, and when it was taken away.',
    shows: ['clients', 'applies'],
  },
  'S4 lock-tokens': {
    promise: 'Each grant of a lock has a larger fencing token than all before, and its holder is told that very token.',
    broken:
      'A token came twice, fell, or was told otherwise than the log decided. Look at both grants and at who answered.',
    shows: ['clients', 'applies'],
  },
  'S4 lock-fencing': {
    promise: 'What is guarded by a lock and refuses older tokens never sees the work of two holders mixed.',
    broken: 'It did: two holders had tokens that do not tell them apart. Look at the grants before the mixed work.',
    shows: ['clients', 'applies'],
  },
  'S4 address-once': {
    promise:
      'An address is taken by the entry that gives it, in the order of the log: so no two VMs have the same one.',
    broken:
      'Two VMs have it. Look at the entries that gave it to each, and at what should have told the second that it was taken.',
    shows: ['applies'],
  },
  'S4 address-hold': {
    promise:
      'An address that is released stays free for as long as its network says, so that nothing that is sent to the VM before reaches another one.',
    broken:
      'It was given away too early. Look at the entry that released it, at the one that ended its hold, and at the clock of whoever proposed that.',
    shows: ['applies'],
  },
  'S4 invariants': {
    promise: 'At every index the records agree with each other: capacity, allocation, bookkeeping.',
    broken: 'A command was let through that it should not have been. Look at the command at that index.',
    shows: ['clients', 'applies'],
  },
  'restart-policy': {
    promise:
      'A VM that ended by itself is started again as often as its policy allows and not once more, until somebody wants it anew.',
    broken:
      'It was started once too often. Look at what its host had noted beside it, and at what the log said of it, before that start.',
    shows: ['clients', 'applies'],
  },
  'S5 volume-data': {
    promise:
      'A VM that starts finds on each volume what was written there last, and nobody but it has that volume open. What is to stay is removed from one host only once another has all of it.',
    broken:
      'It found something else, another VM writes there as well, or the last of it was removed. Look at who was given the volume and where, and at what its host had seen by then.',
    shows: ['clients', 'applies'],
  },
  'sets max-unavailable': {
    promise: 'An update of a set never takes more of its VMs down than it says.',
    broken:
      'One more was taken down. Look at who was counted as ready when the step was applied, and at what had gone by itself before.',
    shows: ['clients', 'applies'],
  },
  'sets gate': {
    promise: 'A revision that did not become ready on one VM of a set goes to no other.',
    broken: 'It went on. Look at what was reported of the first VM, and at the step that was proposed after it.',
    shows: ['clients', 'applies'],
  },
  'queue-bounds': {
    promise: 'Whatever waits is bounded; what does not fit is refused.',
    broken: 'Something grew beyond its bound. Look at who should have drained it, and whether it was down or cut off.',
    shows: ['entries', 'snapshots', 'heartbeats'],
  },
  'S3 vm-once': {
    promise:
      'A host runs VMs that may fail over only under its lease, which is over for sure by the time the leader gives them to another host: so each runs once at most, at every instant of true time.',
    broken:
      'It ran on two hosts at once. Look at when the first host last renewed its lease and what it counted that from, at when its fence was to end the VM, and at why the leader took the lease for over.',
    shows: ['heartbeats', 'applies'],
  },
  'S3 restart-undisturbed': {
    promise:
      'A daemon that stops in good order is promised a longer lease, and arms its switch for the end of that before it ends: what is fenced there runs on until then.',
    broken:
      'The switch went off before. Look at when the daemon asked, at what it armed last, and at whether something shortened that afterwards.',
    shows: ['entries', 'applies'],
  },
  'V8 adopted-left-alone': {
    promise:
      'A VM that was on its host before n3x is taken over without a restart, and handed back the same way: nobody asks for it to be stopped, built or removed.',
    broken:
      'A host was about to do that, or to touch one that was handed back. Look at the adoption or release before, and at what the host knew of it.',
    shows: ['entries', 'applies'],
  },
  'L1 convergence': {
    promise:
      'Once nothing goes wrong any more, a leader is found, everyone catches up, and every VM is as asked, within the stated time.',
    broken:
      'The cluster hangs: the message says what it still waits for. Look at the last events of the host that it names: what it asks for over and over, and who should answer.',
    shows: ['votes', 'entries', 'snapshots', 'reads'],
  },
  'no-crash': {
    promise:
      'A daemon ends when it is told to, and restarts when its disk fails; it never finds itself in an impossible state.',
    broken: 'It did. Look at the last input of that host, and at what it believed before.',
    shows: ['entries', 'snapshots', 'writes', 'applies'],
  },
  'commands-readable': {
    promise:
      'A host that may vote can read every command that is in force: the format rises only once all of them can.',
    broken:
      'A voter has to stop because of a command that its build cannot read. Look at which build it has, and at the join, downgrade or rise of the format before.',
    shows: ['entries', 'applies'],
  },
  'no-malformed-entry': {
    promise: 'Every committed entry can be read by every host.',
    broken: 'One cannot. Look at who proposed it, and with which version.',
    shows: ['entries', 'applies'],
  },
};

const OTHER: Meaning = {
  promise: 'A rule of the simulator.',
  broken: 'It does not hold. Look at the last events before the violation.',
  shows: ['votes', 'entries', 'snapshots', 'writes', 'applies', 'clients'],
};

/** The meaning of a rule; of one without words of its own the plainest. */
export function meaningOf(rule: string): Meaning {
  return MEANINGS[rule] ?? OTHER;
}
