import type { CommandResult } from '@n3x/core/machine/command';
import { vmSpecSchema } from '@n3x/core/model/vm';
import t from 'tap';
import { History, type Recorded } from '../workloads/history.ts';
import type { Operation } from '../workloads/operation.ts';
import { checkLinearizability, searchHistory } from './linearizability.ts';
import { TOKEN_MODEL, VM_MODEL } from './object-models.ts';

const ok = (changed: boolean): CommandResult => ({ ok: true, index: 1, changed });

/** A history that is written by hand: each operation begins and ends where it is told. */
class Script {
  readonly history = new History();
  readonly #object: string;
  #next = 1;

  constructor(object: string) {
    this.#object = object;
  }

  begin(operation: Operation): Recorded {
    return this.history.invoke(1, operation, `r${this.#next++}`, 0);
  }

  create(secretHash: string): Recorded {
    const command = { type: 'tokenCreate', id: '0'.repeat(16), secretHash, expiresAtMs: 1e12 } as const;
    return this.begin({ type: 'write', object: this.#object, command });
  }

  restart(): Recorded {
    return this.begin({ type: 'write', object: this.#object, command: { type: 'vmRestart', name: 'web' } });
  }

  read(): Recorded {
    return this.begin({ type: 'read', object: this.#object });
  }

  written(recorded: Recorded, changed: boolean): void {
    this.history.return(recorded, { type: 'written', result: ok(changed) }, 0);
  }

  found(recorded: Recorded, token: string | null): void {
    this.history.return(recorded, { type: 'read', found: { vm: null, token, modifiedIndex: 0 } }, 0);
  }

  get recorded(): readonly Recorded[] {
    return this.history.objects.get(this.#object) ?? [];
  }
}

t.test('a read after a write sees it', async (t) => {
  const script = new Script('token/a');
  script.written(script.create('x'), true);
  script.found(script.read(), 'x');
  t.match(searchHistory(TOKEN_MODEL, script.recorded), { type: 'linearizable' });
});

t.test('a read after a write that sees what was before is a violation', async (t) => {
  const script = new Script('token/a');
  script.written(script.create('x'), true);
  const stale = script.read();
  script.found(stale, null);
  t.match(searchHistory(TOKEN_MODEL, script.recorded), { type: 'violated', at: stale });
  t.throws(() => checkLinearizability(script.history), { name: 'Violation', message: /^token\/a: no order explains/ });
});

t.test('a read beside a write may see either, and a later read no less', async (t) => {
  for (const [first, second, type] of [
    [null, 'x', 'linearizable'],
    ['x', 'x', 'linearizable'],
    ['x', null, 'violated'],
  ] as const) {
    const script = new Script('token/a');
    const write = script.create('x');
    script.found(script.read(), first);
    script.found(script.read(), second);
    script.written(write, true);
    t.match(searchHistory(TOKEN_MODEL, script.recorded), { type }, `${first} then ${second}`);
  }
});

t.test('a write without an answer may take effect at any later time, or never', async (t) => {
  const script = new Script('token/a');
  script.create('x');
  script.found(script.read(), null);
  script.found(script.read(), 'x');
  t.match(searchHistory(TOKEN_MODEL, script.recorded), { type: 'linearizable' });
});

t.test('a write that is said to have had no effect must not be seen', async (t) => {
  const script = new Script('token/a');
  script.history.return(script.create('x'), { type: 'none' }, 0);
  script.found(script.read(), 'x');
  t.match(searchHistory(TOKEN_MODEL, script.recorded), { type: 'violated' });
});

t.test('a restart that took effect twice is a violation', async (t) => {
  const spec = vmSpecSchema.parse({ source: { kind: 'inline' } });
  for (const [restarts, type] of [
    [1, 'linearizable'],
    [2, 'violated'],
  ] as const) {
    const script = new Script('vm/web');
    const command = { type: 'vmCreate', name: 'web', uid: 'u', spec, power: 'running' } as const;
    script.written(script.begin({ type: 'write', object: 'vm/web', command }), true);
    script.written(script.restart(), true);
    const vm = { uid: 'u', vcpu: 1, power: 'running', restarts, deleting: false } as const;
    script.history.return(script.read(), { type: 'read', found: { vm, token: null, modifiedIndex: 0 } }, 0);
    t.match(searchHistory(VM_MODEL, script.recorded), { type }, `${restarts} restarts`);
  }
});

t.test('many open operations at once stay within memory', async (t) => {
  const script = new Script('token/a');
  for (let count = 0; count < 14; count++) script.create(`x${count % 2}`);
  const last = script.create('x9');
  script.written(last, true);
  t.match(searchHistory(TOKEN_MODEL, script.recorded), { type: 'linearizable' });
});
