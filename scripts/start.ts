/**
 * `npm start`: three n3xd on this machine, one cluster, one microVM, until Ctrl-C. With `--once` it ends by itself as
 * soon as the guest has booted. Ends everything it started, in either case, and removes what it wrote.
 */
import { join, resolve } from 'node:path';
import { parseArgs, stripVTControlCharacters } from 'node:util';
import { DevCluster } from './dev-cluster/cluster.ts';
import { StartError, takePlace } from './dev-cluster/place.ts';
import { freePorts } from './dev-cluster/ports.ts';

const CLONE = resolve(import.meta.dirname, '..');
const HOSTS = ['n1', 'n2', 'n3'];
const GUEST_PORT = 80;
const BOOT_TIMEOUT = '120s';
/** `hostPort` is a free one: what the cluster would choose may be in use by another cluster on this machine. */
const hello = (hostPort: number) => [
  ...['vm', 'create', 'hello', '--vcpu', '1', '--memory', '256M', '--net', 'user'],
  ...['--forward', `${hostPort}:${GUEST_PORT}`, '--ready', `http:${GUEST_PORT}`],
];

const began = performance.now();
const ended = new AbortController();
let signals = 0;
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(name, () => {
    signals += 1;
    ended.abort(new StartError(`ended by ${name}`));
  });
}

function say(text: string): void {
  console.log(`\n[${((performance.now() - began) / 1000).toFixed(1).padStart(4)} s] ${text}`);
}

/** Shows a command as one would type it, and what it printed. */
function show(args: readonly string[], printed: string): void {
  console.log(`$ npx n3xctl ${args.join(' ')}`);
  // A guest's console may ask the terminal things, and the terminal would answer into the user's shell.
  const text = stripVTControlCharacters(printed).trimEnd();
  if (text !== '') console.log(text);
}

async function bringUp(cluster: DevCluster): Promise<void> {
  const { control } = cluster;
  const ctl = async (socket: string, args: readonly string[]) =>
    show(args, await control.must(socket, args, ended.signal));

  say(`starting ${HOSTS.length} n3xd on this machine: ${HOSTS.join(', ')}`);
  await cluster.start(HOSTS);
  const [first, ...others] = cluster.daemons;
  if (first === undefined) throw new StartError('no n3xd was started');

  say('forming one cluster of them, with a join token for each host');
  await ctl(first.socket, ['cluster', 'init']);
  for (const daemon of others) {
    const answer = await control.json(first.socket, ['token', 'create'], ended.signal);
    const token = typeof answer === 'object' && answer !== null && 'token' in answer ? answer.token : undefined;
    if (typeof token !== 'string') throw new StartError('n3xctl token create printed no token');
    const printed = await control.must(daemon.socket, ['cluster', 'join', token], ended.signal);
    show(['cluster', 'join', `TOKEN   # on ${daemon.name}`], printed);
  }
  await cluster.formed();
  await ctl(first.socket, ['host', 'list']);

  say('creating the microVM hello and waiting until its guest has booted');
  const [port = 0] = await freePorts(1);
  await ctl(first.socket, [...hello(port), '--wait', '--timeout', BOOT_TIMEOUT]);
  await ctl(first.socket, ['vm', 'list']);

  say("the guest's own words");
  await ctl(first.socket, ['vm', 'logs', 'hello', '--lines', '20']);
  const url = `http://127.0.0.1:${port}/`;
  const answer = await fetch(url, { signal: AbortSignal.any([ended.signal, AbortSignal.timeout(10_000)]) });
  if (!answer.ok) throw new StartError(`the guest answered ${answer.status} at ${url}`);
  console.log(`$ curl ${url}\n${(await answer.text()).trimEnd()}`);
}

function sayWhatNext(): void {
  say('it runs. In another terminal, from this clone:');
  console.log(`  npx n3xctl cluster status
  npx n3xctl vm create two --vcpu 1 --memory 256M --wait
  npx n3xctl vm logs -f hello
  npx n3xctl vm console hello        # Ctrl-] detaches
  npx n3xctl vm restart hello --wait
  npx n3xctl events -f
  npx n3xctl --help
Logs of the daemons: ${join('.n3x', 'n1', 'n3xd.log')} and so on. Ctrl-C ends everything.`);
}

function untilEnded(): Promise<void> {
  return new Promise((done) => {
    if (ended.signal.aborted) return done();
    // The timer keeps the process alive; signal handlers alone do not.
    const alive = setInterval(() => undefined, 60_000);
    ended.signal.addEventListener('abort', () => {
      clearInterval(alive);
      done();
    });
  });
}

async function main(): Promise<number> {
  const { values } = parseArgs({ options: { once: { type: 'boolean', default: false } } });
  const place = await takePlace(CLONE);
  const cluster = new DevCluster(place, ended.signal);
  let reason: string | undefined;
  try {
    await bringUp(cluster);
    if (!values.once) {
      sayWhatNext();
      await untilEnded();
    }
  } catch (error) {
    reason = describe(ended.signal.aborted ? ended.signal.reason : error);
  }
  // A user's Ctrl-C on a running cluster is how it is meant to end.
  say('ending everything');
  const before = signals;
  const impatient = setInterval(() => {
    if (signals <= before) return;
    clearInterval(impatient);
    void cluster.end(false);
  }, 100);
  const problems = await cluster.end(true);
  clearInterval(impatient);
  for (const problem of problems) console.error(problem);
  if (reason === undefined && problems.length > 0) reason = 'not everything ended as it should, but nothing is left';
  if (reason === undefined) {
    say(values.once ? 'done: the guest booted, and everything has ended' : 'everything has ended');
    return 0;
  }
  console.error(`\nnpm start failed: ${reason}`);
  return 1;
}

function describe(error: unknown): string {
  if (error instanceof StartError) return error.message;
  if (error instanceof Error)
    return `${error.message}${error.cause instanceof Error ? `: ${error.cause.message}` : ''}`;
  return String(error);
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(`npm start failed: ${describe(error)}`);
  process.exitCode = error instanceof TypeError ? 2 : 1;
}
