import type { Command, CommandResult } from '@n3x/core/machine/command';
import t from 'tap';
import { History } from '../workloads/history.ts';
import { checkLinearizability } from './linearizability.ts';

/** A history of one lock, one operation after the other; `~` before an answer leaves it out. */
function isLinearizable(lines: readonly string[], slots = 1): boolean {
  const history = new History();
  for (const line of lines) {
    const [verb = '', holder = '', answer = '', ticket = '0', more = '0'] = line.split(' ');
    const base = { name: 'l', holder };
    const commands: Readonly<Record<string, Command>> = {
      acquire: { type: 'lockAcquire', ...base, reason: '', ttlMs: 1_000, slots, wait: answer !== 'N3X_LOCKED' },
      renew: { type: 'lockRenew', ...base, token: Number(ticket) },
      release: { type: 'lockRelease', ...base, token: Number(ticket) },
      break: { type: 'lockBreak', ...base, reason: 'x' },
    };
    const command = commands[verb];
    if (command === undefined) throw new Error(`no verb ${verb}`);
    const recorded = history.invoke(1, { type: 'write', object: 'lock/l', command }, line, 0);
    if (answer === '~') continue;
    const values =
      answer === 'held'
        ? { state: 'held', ticket: Number(ticket), token: Number(more) || Number(ticket) }
        : { state: 'waiting', ticket: Number(ticket), position: Number(more) };
    const result: CommandResult = answer.startsWith('N3X_')
      ? { ok: false, index: 1, error: { code: answer as 'N3X_LOCKED', message: '' } }
      : { ok: true, index: 1, changed: true, values };
    history.return(recorded, { type: 'written', result }, 0);
  }
  try {
    checkLinearizability(history);
    return true;
  } catch (error) {
    if (error instanceof Error && error.name === 'Violation') return false;
    throw error;
  }
}

t.test('what a lock may do', async (t) => {
  t.ok(isLinearizable(['acquire a held 1', 'acquire b waiting 2 1', 'release a ok 1', 'acquire b held 2 3']));
  t.ok(isLinearizable(['acquire a held 1', 'acquire a held 1', 'renew a held 1', 'acquire b N3X_LOCKED']));
  t.ok(isLinearizable(['acquire a held 1', 'acquire b held 5', 'renew a N3X_LOCK_LOST 1']), 'a session ended');
  t.ok(isLinearizable(['acquire a ~', 'acquire b waiting 2 1']), 'one who was not told holds it');
  t.ok(isLinearizable(['acquire a held 1', 'break a ok', 'release a N3X_LOCK_LOST 1', 'break a N3X_NOT_FOUND']));
  const two = ['acquire a held 1', 'acquire b held 2', 'acquire c waiting 3 1', 'acquire d waiting 4 2'];
  t.ok(isLinearizable([...two, 'release b ok 2', 'renew a ok 1', 'acquire c held 3 7', 'renew a ok 1'], 2));
});

t.test('planted: what no lock may do', async (t) => {
  t.notOk(isLinearizable(['acquire a held 1', 'acquire b held 2', 'renew a ok 1']), 'two holders');
  t.notOk(isLinearizable(['acquire a held 1', 'acquire b waiting 2 1', 'acquire b held 2 3', 'release a ok 1']));
  t.notOk(isLinearizable(['acquire a N3X_LOCKED']), 'refused and free');
  t.notOk(isLinearizable(['acquire a waiting 1 1']), 'waiting for nobody');
  t.notOk(isLinearizable(['acquire a held 1', 'acquire b waiting 2 2']), 'a place too far');
  t.notOk(isLinearizable(['acquire a held 1', 'release a ok 1', 'renew a ok 1']), 'given back and held');
  t.notOk(isLinearizable(['acquire a held 1', 'acquire a held 1 2']), 'two tokens for one claim');
  t.notOk(isLinearizable(['acquire a held 1', 'acquire a waiting 1 1']), 'from holding to waiting');
  t.notOk(isLinearizable(['acquire a held 1', 'break a N3X_NOT_FOUND', 'renew a ok 1']));
  const two = ['acquire a held 1', 'acquire b held 2', 'acquire c held 3'];
  t.ok(isLinearizable([...two, 'renew a ok 1'], 2));
  t.notOk(isLinearizable([...two, 'renew a ok 1', 'renew b ok 2'], 2), 'three of two');
});
