/** What a trace is made of: everything that tells one run from another. */
import type { Role } from '@n3x/core/raft/types';
import type { NetworkEvent } from '../world/network.ts';

/** One event; when it happened is told beside it. Hosts are given by name, messages by Raft id. */
export type TraceEvent =
  | {
      readonly type: 'start';
      readonly host: string;
      /** Its Raft id: what its messages are from. */
      readonly id: number;
      readonly applied: number;
      readonly last: number;
    }
  | { readonly type: 'stop'; readonly host: string; readonly kind: 'process' | 'power' }
  | { readonly type: 'role'; readonly host: string; readonly role: Role; readonly term: number }
  | { readonly type: 'apply'; readonly host: string; readonly index: number; readonly hash: string }
  | {
      readonly type: 'write';
      readonly host: string;
      readonly first: number;
      readonly last: number;
      readonly term: number;
      readonly vote: number;
      readonly snapshot: number;
    }
  | { readonly type: 'message'; readonly event: NetworkEvent }
  | { readonly type: 'fault'; readonly text: string }
  | { readonly type: 'invoke'; readonly client: number; readonly text: string; readonly host: string }
  | { readonly type: 'return'; readonly client: number; readonly text: string; readonly host: string }
  | { readonly type: 'note'; readonly text: string };
