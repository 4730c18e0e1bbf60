/** Colours: told apart by the colour-blind too (after Okabe and Ito 2008), and of enough contrast on either background. */

/** What a message is about. */
export type MessageKind = 'entries' | 'heartbeats' | 'votes' | 'reads' | 'proposals' | 'snapshots' | 'other';

/** The colours of one theme. */
export interface Palette {
  readonly back: string;
  readonly lane: string;
  readonly grid: string;
  readonly ink: string;
  readonly faint: string;
  readonly accent: string;
  readonly violation: string;
  readonly fault: string;
  readonly faultBack: string;
  /** By `ROLES`. */
  readonly roles: readonly string[];
  /** Of texts on a role. */
  readonly onRoles: readonly string[];
  readonly kinds: Readonly<Record<MessageKind, string>>;
  /** By `OUTCOMES`. */
  readonly outcomes: readonly string[];
  /** For what belongs to a host: leaders and VMs. */
  readonly hosts: readonly string[];
}

const HOSTS = ['#3f7fbf', '#c97b1e', '#2f9273', '#a85f93', '#7c73c4', '#8f8a2f', '#b5533c', '#4d98a8'];

/** Dark on light. */
export const LIGHT: Palette = {
  ...{ back: '#ffffff', lane: '#f3f5f8', grid: '#e3e7ed', ink: '#1d2430', faint: '#5b6675', accent: '#0b5fa5' },
  ...{ violation: '#b3123b', fault: '#b5480a', faultBack: '#f6d9c4' },
  roles: ['#59616d', '#c9ced6', '#b9c8da', '#f0d78a', '#e8a33a', '#2f74b5'],
  onRoles: ['#ffffff', '#1d2430', '#1d2430', '#1d2430', '#1d2430', '#ffffff'],
  kinds: {
    ...{ entries: '#2f74b5', heartbeats: '#9aa3af', votes: '#c4630a', reads: '#12805c' },
    ...{ proposals: '#8250c4', snapshots: '#8a5a2b', other: '#4a5361' },
  },
  outcomes: ['#2b9a66', '#c78f1a', '#c2476f', '#8e99a8', '#5b6675'],
  hosts: HOSTS,
};

/** Light on dark. */
export const DARK: Palette = {
  ...{ back: '#161b23', lane: '#1b222c', grid: '#28313d', ink: '#e4e9f0', faint: '#9aa7b8', accent: '#6db3f2' },
  ...{ violation: '#ff7a97', fault: '#f2a071', faultBack: '#5a3420' },
  roles: ['#0a0d12', '#465060', '#3f5269', '#8f7a35', '#c78425', '#3f8fd6'],
  onRoles: ['#9aa7b8', '#e4e9f0', '#e4e9f0', '#ffffff', '#14181f', '#0d1117'],
  kinds: {
    ...{ entries: '#5fa8ea', heartbeats: '#6d7886', votes: '#f2a03f', reads: '#4fc79a' },
    ...{ proposals: '#b594ef', snapshots: '#c99a6b', other: '#aab4c2' },
  },
  outcomes: ['#4fc28a', '#e0b04a', '#f0809f', '#7d8896', '#aab4c2'],
  hosts: HOSTS.map((colour) => colour),
};

/** What a type of message is about. */
export function kindOfType(type: string): MessageKind {
  if (/Heartbeat/.test(type)) return 'heartbeats';
  if (/Vote|TimeoutNow|Transfer|ForgetLeader/.test(type)) return 'votes';
  if (/ReadIndex/.test(type)) return 'reads';
  if (type === 'MsgProp') return 'proposals';
  if (/[Ss]nap/.test(type)) return 'snapshots';
  return /^MsgApp/.test(type) ? 'entries' : 'other';
}

/** The kinds in the order in which they are listed and stacked. */
export const KINDS: readonly MessageKind[] = [
  ...(['votes', 'entries', 'proposals', 'reads', 'snapshots', 'other', 'heartbeats'] as const),
];
