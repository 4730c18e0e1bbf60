/**
 * Hosts that send what they should not, besides what they send: what an adversary on the network could do who
 * has somehow got into a session, and what a build with a defect might. It never lies about a log or a vote, for
 * no Raft survives a member that does; everything else has to do no harm.
 */
import type { Random } from '@n3x/core/base/random';
import type { Message, NodeId } from '@n3x/core/raft/types';
import { decodePeerMessage, encodePeerMessage } from '@n3x/core/wire/codec';
import type { PeerMessage } from '@n3x/core/wire/peer-message';
import { checkAddressing } from '@n3x/core/wire/schema';
import { WireError } from '@n3x/core/wire/wire-error';
import type { Misbehaviour } from '../faults/fault-kinds.ts';
import type { ObservedHost, WorldObserver } from './observer.ts';
import type { World } from './world.ts';

/** Of a hundred messages of a host that misbehaves, how many have a bad one beside them. */
const PERCENT = 20;
/** Messages of each host that may be repeated later, also after it has started again. */
const KEPT = 128;
/** How late a bad message comes: those that are held back later, in ms. */
const SOON_MS = 30;
const LATE_MS = 20_000;
/** Leaps of wrong terms: far enough that no candidate gets there by itself, and beyond all reason. */
const LEAPS = [1_000, 1_000_000, 2 ** 40, Number.MAX_SAFE_INTEGER] as const;

interface Sent {
  readonly to: NodeId;
  readonly message: PeerMessage;
}

/** All that misbehaves in one world. */
export class Misbehaviours implements WorldObserver {
  readonly #world: () => World;
  readonly #random: Random;
  readonly #sent = new Map<NodeId, Sent[]>();
  readonly #active = new Map<string, { readonly how: Misbehaviour; readonly random: Random }[]>();
  #begun = 0;

  constructor(world: () => World, random: Random) {
    this.#world = world;
    this.#random = random;
  }

  /** `host` begins to misbehave; answers what ends that. */
  begin(host: string, how: Misbehaviour): () => void {
    const one = { how, random: this.#random.fork(`${host}/${how}/${this.#begun++}`) };
    const active = this.#active.get(host) ?? [];
    this.#active.set(host, active);
    active.push(one);
    return () => {
      const at = active.indexOf(one);
      if (at >= 0) active.splice(at, 1);
    };
  }

  sending(host: ObservedHost, to: NodeId, message: PeerMessage): void {
    const sent = this.#keep(host.id, { to, message });
    for (const { how, random } of this.#active.get(host.name) ?? []) {
      if (random.below(100) < PERCENT) this.#misbehave(host.id, { to, message }, sent, how, random);
    }
  }

  #keep(from: NodeId, one: Sent): readonly Sent[] {
    const sent = this.#sent.get(from) ?? [];
    this.#sent.set(from, sent);
    sent.push(one);
    if (sent.length > 2 * KEPT) sent.splice(0, KEPT);
    return sent;
  }

  #misbehave(from: NodeId, { to, message }: Sent, sent: readonly Sent[], how: Misbehaviour, random: Random): void {
    const soonMs = random.below(SOON_MS * 1_000) / 1_000;
    const inject = (receiver: NodeId, bytes: Uint8Array, delayMs = soonMs): void => {
      this.#world().timeline.after(delayMs, () => this.#world().network.inject(from, receiver, bytes));
    };
    switch (how) {
      case 'replay': {
        const old = sent[random.below(sent.length)];
        if (old !== undefined) inject(old.to, encodePeerMessage(old.message));
        return;
      }
      case 'stale':
        inject(to, encodePeerMessage(message), random.below(LATE_MS));
        return;
      case 'forge': {
        const other = this.#someoneElse(from, random);
        if (message.type === 'raft' && other !== undefined) {
          inject(to, encodePeerMessage({ type: 'raft', message: { ...message.message, from: other } }));
        }
        return;
      }
      case 'misroute': {
        const other = this.#someoneElse(to, random);
        if (other !== undefined && other !== from) inject(other, encodePeerMessage(message));
        return;
      }
      case 'malform': {
        const bytes = spoilt(encodePeerMessage(message), random);
        if (isRefused(bytes, from, to)) inject(to, bytes);
        return;
      }
      case 'term': {
        const wrong = withWrongTerm(message, random);
        if (wrong !== undefined) inject(to, encodePeerMessage(wrong));
        return;
      }
    }
  }

  #someoneElse(id: NodeId, random: Random): NodeId | undefined {
    const others = this.#world().hosts.filter((host) => host.id !== id);
    return others[random.below(Math.max(1, others.length))]?.id;
  }
}

/** Bytes that were a message: some bits turned, cut short, grown, or nothing like it. */
function spoilt(bytes: Uint8Array, random: Random): Uint8Array {
  const kind = random.below(4);
  if (kind === 0) return bytes.slice(0, random.below(bytes.length));
  if (kind === 1) return Uint8Array.of(...bytes, ...noise(1 + random.below(16), random));
  if (kind === 2) return noise(random.below(200), random);
  const copy = bytes.slice();
  for (let times = 1 + random.below(4); times > 0; times--) {
    const at = random.below(copy.length);
    copy[at] = (copy[at] ?? 0) ^ (1 << random.below(8));
  }
  return copy;
}

function noise(length: number, random: Random): Uint8Array {
  return Uint8Array.from({ length }, () => random.below(256));
}

/** Whether these bytes are no message from `from` to `to`. Those that still are one would be a lie, or the truth. */
function isRefused(bytes: Uint8Array, from: NodeId, to: NodeId): boolean {
  try {
    checkAddressing(decodePeerMessage(bytes), from, to);
    return false;
  } catch (error) {
    if (error instanceof WireError) return true;
    throw error;
  }
}

/**
 * The message in a term that its sender is not in. Only those that promise nothing by it: answers in another
 * term are false votes and false acknowledgements, and entries of another term a false log.
 */
function withWrongTerm(peer: PeerMessage, random: Random): PeerMessage | undefined {
  if (peer.type === 'members') return { ...peer, index: Math.min(Number.MAX_SAFE_INTEGER, peer.index + leap(random)) };
  if (peer.type !== 'raft') return undefined;
  const { message } = peer;
  const term = Math.min(Number.MAX_SAFE_INTEGER, message.term + leap(random));
  return promisesNothing(message) ? { type: 'raft', message: { ...message, term } } : undefined;
}

function promisesNothing(message: Message): boolean {
  switch (message.type) {
    case 'MsgVote':
    case 'MsgPreVote':
    case 'MsgHeartbeat':
    case 'MsgTimeoutNow':
      return true;
    case 'MsgApp':
      return message.entries.length === 0;
    default:
      return false;
  }
}

function leap(random: Random): number {
  return LEAPS[random.below(LEAPS.length)] ?? 1;
}
