import t from 'tap';
import { prettyLine } from './journal.ts';

t.test('a line for people has the time, the level, the event and its facts', async (t) => {
  const line = JSON.stringify({
    level: 'info',
    time: '2026-01-02T12:30:01.250Z',
    host: 'n1',
    leader: 1,
    message: 'two words',
    reason: 'one',
    event: 'raft.leading',
  });
  t.equal(prettyLine(line), '12:30:01.250 info  raft.leading leader=1 message="two words" reason=one\n');
});

t.test('what is not JSON goes through', async (t) => {
  t.equal(prettyLine('oops\n'), 'oops\n');
});
