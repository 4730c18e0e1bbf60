import { PassThrough } from 'node:stream';
import { ERROR_CODES, N3xError } from '@n3x/core/base/errors';
import t from 'tap';
import { UsageError } from '../arguments/usage-error.ts';
import { ConnectionError } from '../client/connection-error.ts';
import { startProgress } from '../wait/progress.ts';
import { formatSpan, formatTime } from './age.ts';
import { quorumText } from './cluster-text.ts';
import { CommandFailure, reportOf, reportText } from './error-report.ts';
import { EXIT_CODE_MEANINGS, EXIT_CODES, exitCodeOf } from './exit-codes.ts';
import { formatMemory } from './memory.ts';
import { printable, renderFields, renderTable } from './table.ts';

t.test('spans, sizes and times', async (t) => {
  const cases = [
    [-5, '0s'],
    [45_000, '45s'],
    [119_999, '119s'],
    [180_000, '3m'],
    [7_200_000, '2h'],
    [345_600_000, '4d'],
  ] as const;
  for (const [ms, text] of cases) t.equal(formatSpan(ms), text);
  for (const [mib, text] of [
    [0, '0M'],
    [512, '512M'],
    [4096, '4G'],
    [7680, '7.5G'],
    [23_593, '23.0G'],
    [1_572_864, '1.5T'],
  ] as const) {
    t.equal(formatMemory(mib), text);
  }
  t.equal(formatTime(0), '1970-01-01T00:00:00Z');
});

t.test('tables are aligned, without borders and without trailing blanks', async (t) => {
  const columns = [
    { head: 'A', cell: (row: readonly [string, string]) => row[0] },
    { head: 'B', cell: (row: readonly [string, string]) => row[1] },
    { head: 'C', wide: true, cell: () => 'c' },
  ];
  const rows = [
    ['long name', ''],
    ['x', '\u001b[32mgreen\u001b[39m'],
  ] as const;
  t.equal(renderTable(columns, rows, false), `A          B\nlong name\nx          \u001b[32mgreen\u001b[39m\n`);
  t.equal(renderTable(columns, rows.slice(0, 1), true), 'A          B  C\nlong name     c\n');
  t.equal(renderTable(columns, [], false), 'A  B\n');
  t.equal(
    renderFields([
      ['Name', 'x'],
      ['Host', undefined],
      ['Long name', 'y'],
    ]),
    'Name:       x\nLong name:  y\n',
  );
  t.equal(renderFields([]), '');
  t.equal(printable('a\n\u001b[31mb'), 'a [31mb');
});

t.test('the quorum in words', async (t) => {
  const text = (voters: number, reachable: number, leader = true) =>
    quorumText({ voters, needed: Math.floor(voters / 2) + 1, reachable, note: null }, leader, (_, plain) => plain);
  t.equal(text(1, 1), 'held: 1 of 1 voters reachable, the only one, whose failure is not tolerated');
  t.equal(text(3, 3), 'held: 3 of 3 voters reachable, tolerates 1 more failure');
  t.equal(text(3, 2), 'held: 2 of 3 voters reachable, tolerates no more failure');
  t.equal(text(5, 5), 'held: 5 of 5 voters reachable, tolerates 2 more failures');
  t.equal(text(3, 1), 'lost: 1 of 3 voters reachable, 2 needed');
  t.equal(text(3, 3, false), 'none known: this host hears of no leader that 2 of 3 voters follow');
});

t.test('exit codes', async (t) => {
  t.same(
    EXIT_CODE_MEANINGS.map(([code]) => code),
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 120, 121],
  );
  t.equal(exitCodeOf(new UsageError('x')), EXIT_CODES.usage);
  t.equal(exitCodeOf(new ConnectionError('x', { connected: false })), EXIT_CODES.unreachable);
  t.equal(exitCodeOf(new Error('x')), EXIT_CODES.failed);
  for (const code of Object.values(ERROR_CODES)) {
    const exit = exitCodeOf(new N3xError(code, 'x'));
    t.ok((exit >= 1 && exit <= 7) || exit === 120 || exit === 121, `${code} has an exit code of its own kind`);
  }
});

t.test('errors are one line, after the log and before the hint', async (t) => {
  const failure = new CommandFailure(ERROR_CODES.driver, 'a\n  b', { log: 'line', hint: 'do this' });
  t.equal(reportText(reportOf(failure)), 'line\nn3xctl: a; b\nhint: do this\n');
  t.equal(reportText(reportOf(new Error('x', { cause: new Error('y') }))), 'n3xctl: x: y\n');
  const detailed = new N3xError(ERROR_CODES.driver, 'x', { details: { log: 'from the host\n' } });
  t.equal(reportText(reportOf(detailed)), 'from the host\nn3xctl: x\n');
});

t.test('progress is one line on a terminal and nothing elsewhere', async (t) => {
  const written = (stream: PassThrough) => String(stream.read() ?? '');
  const terminal = Object.assign(new PassThrough(), { isTTY: true, columns: 30 });
  const progress = startProgress(terminal, false);
  progress.update('web: building \u001b[2J and a very long message that does not fit');
  const line = written(terminal);
  t.ok(line.startsWith('\r\u001b[K⠋ web: building'));
  t.ok(line.endsWith('…'));
  t.ok(line.length <= 30 + 4);
  progress.stop();
  t.equal(written(terminal), '\r\u001b[K');
  for (const [stream, quiet] of [
    [new PassThrough(), false],
    [Object.assign(new PassThrough(), { isTTY: true }), true],
  ] as const) {
    const silent = startProgress(stream, quiet);
    silent.update('x');
    silent.stop();
    t.equal(written(stream), '');
  }
});
