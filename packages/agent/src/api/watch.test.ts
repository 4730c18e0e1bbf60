import type { IncomingMessage } from 'node:http';
import t from 'tap';
import { call, FLAKE_SPEC, open, serve, type TestCluster } from './test-cluster.ts';

type Line = {
  type: string;
  index?: number;
  kind?: string;
  name?: string;
  object?: Record<string, unknown>;
  error?: { code: string };
};

/** Reads a stream line by line. */
async function* linesOf(answer: IncomingMessage): AsyncGenerator<Line, void> {
  let rest = '';
  answer.setEncoding('utf8');
  for await (const chunk of answer) {
    rest += chunk;
    const parts = rest.split('\n');
    rest = parts.pop() ?? '';
    for (const part of parts) yield JSON.parse(part) as Line;
  }
}

/** The next lines, bookmarks left out unless asked for. */
async function take(lines: AsyncGenerator<Line, void>, count: number, bookmarks = false): Promise<Line[]> {
  const taken: Line[] = [];
  while (taken.length < count) {
    const { value, done } = await lines.next();
    if (done === true || value === undefined) break;
    if (bookmarks || value.type !== 'bookmark') taken.push(value);
  }
  return taken;
}

function create(cluster: TestCluster, name: string): void {
  const spec = {
    source: { kind: 'flake' as const, ref: 'github:me/vms', attribute: 'web' },
    vcpu: 1,
    memoryMib: 512,
    labels: {},
    placement: { requireLabels: {} },
    readiness: { type: 'process' as const },
    readyTimeoutSeconds: 120,
    stopTimeoutSeconds: 60,
  };
  const made = cluster.apply({ type: 'vmCreate', name, uid: `u-${name}`, spec, power: 'running' });
  if (!made.ok) throw new Error(made.error.message);
}

async function watch(
  socket: string,
  query: string,
): Promise<{ answer: IncomingMessage; lines: AsyncGenerator<Line, void> }> {
  const answer = await open(socket, 'GET', `/v1/watch${query}`);
  return { answer, lines: linesOf(answer) };
}

t.test('from now on, and the same form as a list', async (t) => {
  const { socket, cluster } = await serve(t);
  const { answer, lines } = await watch(socket, '?kinds=vm');
  t.equal(answer.headers['content-type'], 'application/x-ndjson; charset=utf-8');
  t.same(await take(lines, 1, true), [{ type: 'bookmark', index: 1 }], 'it says at once that it stands');
  await call(socket, 'POST', '/v1/vms', { name: 'web', spec: FLAKE_SPEC });
  const [made] = await take(lines, 1);
  t.match(made, { type: 'changed', index: 2, kind: 'vm', name: 'web', object: { phase: 'pending', hostName: null } });
  const listed = (await call(socket, 'GET', '/v1/vms/web')).json;
  t.same(made?.object, listed);
  cluster.assign('web', 1);
  t.match(await take(lines, 1), [{ object: { hostName: 'n1' } }]);
  answer.destroy();
  while (cluster.listeners.size > 0) await new Promise(setImmediate);
});

t.test('goes on where a list or another watch ended, without gap or repeat', async (t) => {
  const { socket, cluster } = await serve(t);
  for (const name of ['a', 'b', 'c']) create(cluster, name);
  const index = (await call(socket, 'GET', '/v1/vms')).at('index') as number;
  create(cluster, 'd');
  const { answer, lines } = await watch(socket, `?from=${index}&kinds=vm`);
  create(cluster, 'e');
  t.same(
    (await take(lines, 2)).map((line) => line.name),
    ['d', 'e'],
  );
  answer.destroy();
  const ahead = await watch(socket, `?from=${(cluster.state?.index ?? 0) + 1}&kinds=vm`);
  create(cluster, 'f');
  create(cluster, 'g');
  t.same(
    (await take(ahead.lines, 1)).map((line) => line.name),
    ['g'],
    'a host that lags behind repeats nothing',
  );
  ahead.answer.destroy();
});

t.test('kinds and name', async (t) => {
  const { socket, cluster } = await serve(t);
  const events = await watch(socket, '?from=1&kinds=event&name=b');
  const tokens = await watch(socket, '?from=1&kinds=token,host');
  create(cluster, 'a');
  create(cluster, 'b');
  cluster.addHost('n2', 'peer-2');
  t.match(await take(events.lines, 1), [{ kind: 'event', object: { about: { kind: 'vm', name: 'b' } } }]);
  const [token] = await take(tokens.lines, 1);
  t.match(token, { kind: 'token', object: { state: 'open' } });
  t.notOk(JSON.stringify(token).includes('secretHash'));
  events.answer.destroy();
  tokens.answer.destroy();
  const wrong = await call(socket, 'GET', '/v1/watch?kinds=vms');
  t.match(wrong, { status: 400, json: { error: { code: 'N3X_INVALID', message: /^kinds: / } } });
  t.match(await call(socket, 'GET', '/v1/watch?from=-1'), { status: 400 });
});

t.test('what goes is said to be removed', async (t) => {
  const { socket, cluster } = await serve(t);
  create(cluster, 'a');
  const { answer, lines } = await watch(socket, '?kinds=vm');
  cluster.apply({ type: 'vmDelete', name: 'a' });
  const last = (await take(lines, 1))[0];
  t.match(last, { type: 'removed', kind: 'vm', name: 'a' });
  t.notOk('object' in (last ?? {}));
  answer.destroy();
});

t.test('older than what is kept', async (t) => {
  const { socket, cluster } = await serve(t);
  create(cluster, 'a');
  cluster.forgottenUpTo = 2;
  t.match(await call(socket, 'GET', '/v1/watch?from=1'), {
    status: 410,
    json: { error: { code: 'N3X_COMPACTED', message: /list again/ } },
  });
  const { lines } = await watch(socket, '');
  await take(lines, 1, true);
  for (const listener of [...cluster.listeners]) listener.reset(9);
  t.match(await take(lines, 2), [{ type: 'error', error: { code: 'N3X_COMPACTED' } }], 'also later, and then it ends');
});

t.test('bookmarks move the index on', async (t) => {
  const { socket, cluster } = await serve(t, { watch: { bookmarkMs: 5 } });
  const { answer, lines } = await watch(socket, '?kinds=token');
  create(cluster, 'a');
  for (;;) {
    const [line] = await take(lines, 1, true);
    if (line?.type === 'bookmark' && line.index === 2) break;
  }
  t.pass('index 2 without a line of its kind');
  answer.destroy();
});

t.test('a host that leaves its cluster ends its watches', async (t) => {
  const { socket, cluster } = await serve(t, { watch: { bookmarkMs: 5 } });
  const { lines } = await watch(socket, '');
  cluster.state = null;
  t.match(await take(lines, 2), [{ type: 'error', error: { code: 'N3X_NOT_INITIALISED' } }]);
});

t.test('a slow reader is told and cut off, others are not', async (t) => {
  const { socket, cluster } = await serve(t, { watch: { bufferMax: 65_536, lingerMs: 60_000 } });
  const slow = await watch(socket, '?kinds=vm');
  const fast = await watch(socket, '?kinds=vm');
  slow.answer.pause();
  let made = 0;
  while (cluster.listeners.size > 1 && made < 5_000) {
    create(cluster, `vm-${made}`);
    made++;
    const [line] = await take(fast.lines, 1);
    if (line?.type !== 'changed') break;
  }
  t.equal(cluster.listeners.size, 1, 'no longer held for');
  const seen: Line[] = [];
  for await (const line of slow.lines) if (line.type !== 'bookmark') seen.push(line);
  t.match(seen.at(-1), { type: 'error', error: { code: 'N3X_OVERLOADED' } });
  const last = seen.at(-2)?.index ?? 0;
  const again = await watch(socket, `?from=${last}&kinds=vm`);
  t.match(await take(again.lines, 1), [{ name: `vm-${seen.length - 1}` }], 'it can go on from the last it saw');
  again.answer.destroy();
  fast.answer.destroy();
});

t.test('a long backlog goes out whole, however slowly it is read', async (t) => {
  const { socket, cluster } = await serve(t, { watch: { bufferMax: 4096 } });
  for (let number = 0; number < 500; number++) create(cluster, `vm-${number}`);
  const { answer, lines } = await watch(socket, '?from=1&kinds=vm');
  t.equal((await take(lines, 500)).at(-1)?.name, 'vm-499');
  answer.destroy();
});

t.test('a close ends watches', async (t) => {
  const { socket, host } = await serve(t);
  const { lines } = await watch(socket, '');
  await take(lines, 1, true);
  const closing = host.server?.close();
  t.same(await take(lines, 1), []);
  await closing;
});
