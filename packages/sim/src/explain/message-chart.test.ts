import type { Message } from '@n3x/core/raft/types';
import t from 'tap';
import type { StoryEvent } from './flight-recorder.ts';
import { messageChart } from './message-chart.ts';

const HOSTS = ['n1', 'n2', 'n3'];

function vote(atMs: number, from: number, to: number, type: 'delivered' | 'lost', sentMs = atMs): StoryEvent {
  const message: Message = { type: 'MsgVoteResp', from, to, term: 4, reject: false };
  return { atMs, sentMs, event: { type: 'message', event: { type, from, to, message: { type: 'raft', message } } } };
}

function chart(...events: StoryEvent[]): string[] {
  return messageChart(HOSTS, (id) => `n${id}`, events).map((line) => line.trimEnd());
}

t.test('a column per host, an arrow per message, time downwards', async (t) => {
  t.same(
    chart(
      { atMs: 1_000, event: { type: 'role', host: 'n1', role: 'candidate', term: 4 } },
      vote(1_001, 3, 1, 'delivered'),
      vote(1_002.5, 1, 2, 'delivered', 990),
      vote(1_003, 2, 3, 'lost'),
      { atMs: 1_004, event: { type: 'stop', host: 'n3', kind: 'power' } },
      { atMs: 1_005, event: { type: 'fault', text: 'power n3' } },
    ),
    [
      '          s  n1       n2       n3',
      '     1.0000  ◆        │        │   n1 role candidate in term 4',
      '     1.0010  │◀───────┼────────┤   MsgVoteResp term 4 yes',
      '     1.0025  ├───────▶│        │   MsgVoteResp term 4 yes, 13 ms on the way',
      '     1.0030  │        ├───────✗│   MsgVoteResp term 4 yes (lost)',
      '     1.0040  │        │        ▼   n3 stop power',
      '     1.0050  ┆        ┆        ┆   fault: power n3',
    ],
  );
});

t.test('what repeats is told once, and what is none of the columns not at all', async (t) => {
  const lines = chart(vote(1, 1, 2, 'lost'), vote(2, 1, 2, 'lost'), vote(3, 1, 2, 'lost'), vote(4, 1, 9, 'lost'));
  t.equal(lines.length, 2);
  t.match(lines[1], /MsgVoteResp term 4 yes \(lost\) \(3 times\)$/);
});
