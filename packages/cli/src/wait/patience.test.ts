import { ERROR_CODES } from '@n3x/core/base/errors';
import t from 'tap';
import { ApiDouble, apiError, HANG } from '../testing/api-double.ts';
import { runCli, startCli, until } from '../testing/run-cli.ts';

const NO_QUORUM = /no quorum: waiting for a leader that a majority of the servers follows/;

t.test('who waits for a quorum is told so, on a terminal, until there is an answer', async (t) => {
  const api = await ApiDouble.start(t);
  let isThere = false;
  api.on('listVms', () => {
    if (!isThere) throw apiError(ERROR_CODES.noQuorum, 'no quorum');
    return { items: [], index: 3, stale: false };
  });
  const run = startCli(['vm', 'list', '--timeout', '60s', '--socket', api.socket], { stderrIsTerminal: true });
  await until(() => NO_QUORUM.test(run.output().stderr));
  isThere = true;
  const { code, stderr } = await run.result;
  t.equal(code, 0);
  t.ok(stderr.endsWith('\r\u001b[K'), 'the line is gone');
});

t.test('a host that does not answer is named as such, and nothing is said to programs', async (t) => {
  const api = await ApiDouble.start(t);
  api.on('listVms', () => HANG);
  const args = ['vm', 'list', '--timeout', '4s', '--socket', api.socket];
  const [shown, piped] = await Promise.all([runCli(args, { stderrIsTerminal: true }), runCli(args)]);
  t.match(shown.stderr, /waiting for n3xd to answer/);
  t.match(piped.stderr, /^n3xctl: no answer from n3xd within 4 s/);
});
