/** Asks a guest once, as its spec says: whether it has booted, or whether it is still well. */
import { connect } from 'node:net';
import { createContext, Script } from 'node:vm';
import type { Probe } from '@n3x/core/model/health';
import type { DriverVm } from '@n3x/core/ports/driver';
import type { RunResult } from '../exec.ts';

/** How long, in ms, a connection must stay open to count. */
const STAY_OPEN_MS = 150;
/** Characters that an answer may have. */
const SAID_MAX = 200;

/** What a guest answered. `said`: one line for people, what was asked and why that did not succeed. */
export type Answer = { readonly ok: true } | { readonly ok: false; readonly said: string };

/** What a probe may look at. */
export interface ProbeContext {
  /** What the console printed since the start of the process. */
  consoleText(): Promise<string>;
  /** What the guest's systemd told its unit. */
  notified(): Promise<Answer>;
  /** Runs a program for the VM, with these variables and no other rights than its runner has. Never rejects. */
  run(argv: readonly [string, ...string[]], env: NodeJS.ProcessEnv, timeoutMs: number): Promise<RunResult>;
}

const OK: Answer = { ok: true };

/** An answer that says no. */
export function no(said: string): Answer {
  const line = said.replace(/\p{Cc}+/gu, ' ').trim();
  return { ok: false, said: line.length > SAID_MAX ? `${line.slice(0, SAID_MAX - 1)}…` : line };
}

/** Asks once; an answer that takes longer than `timeoutMs` is none. Never rejects for a guest that does not answer. */
export async function ask(probe: Probe, vm: DriverVm, context: ProbeContext, timeoutMs: number): Promise<Answer> {
  switch (probe.type) {
    case 'process':
      return OK;
    case 'console':
      return matches(probe.pattern, await context.consoleText())
        ? OK
        : no(`no line of the console matches ${probe.pattern}`);
    case 'notify':
      return await context.notified();
    case 'tcp':
      return await atPort(vm, 'tcp', probe.port, (host, port) => staysOpen(host, port, timeoutMs));
    case 'http':
      return await atPort(vm, 'http', probe.port, (host, port) =>
        answers(`http://${host.includes(':') ? `[${host}]` : host}:${port}${probe.path}`, timeoutMs),
      );
    case 'command':
      return await succeeds(probe.argv, vm, context, timeoutMs);
  }
}

async function atPort(
  vm: DriverVm,
  kind: string,
  guestPort: number,
  attempt: (host: string, port: number) => Promise<string | undefined>,
): Promise<Answer> {
  const end = endpoint(vm, guestPort);
  const why = end === undefined ? 'is not forwarded, and it has no address' : await attempt(end.host, end.port);
  return why === undefined ? OK : no(`${kind} port ${guestPort}: ${why}`);
}

/**
 * Where its host finds a guest's TCP port: forwarded, else at an address of its own. A flake of the user's without an address
 * may have forwarded anything: nobody knows, so the port itself is taken.
 */
export function endpoint(vm: DriverVm, guestPort: number): { host: string; port: number } | undefined {
  const { source } = vm.spec;
  if (source.kind === 'inline') {
    const index = source.forwards.findIndex((entry) => entry.protocol === 'tcp' && entry.guestPort === guestPort);
    const port = index < 0 ? undefined : (vm.allocation.hostPorts[index] ?? source.forwards[index]?.hostPort);
    if (port !== undefined) return { host: '127.0.0.1', port };
  }
  const [host] = reachable(vm);
  if (host !== undefined) return { host, port: guestPort };
  return source.kind === 'flake' ? { host: '127.0.0.1', port: guestPort } : undefined;
}

/** Addresses at which its host can reach a guest: not those on a macvtap, which the kernel keeps apart from its host. */
function reachable({ spec: { source }, allocation }: DriverVm): string[] {
  return (allocation.addresses ?? []).flatMap(({ position, ipv4, ipv6 }) => {
    if (source.kind === 'inline' && source.interfaces[position]?.type === 'macvtap') return [];
    return [ipv4?.address, ipv6?.address].filter((address) => address !== undefined);
  });
}

/** How long, in ms, a pattern may be searched for: one that takes for ever must not stop the daemon. */
const MATCH_MS = 50;
const search = new Script('new RegExp(pattern, "m").test(text)');
const sandbox = createContext({ pattern: '', text: '' });

/** Whether some line matches. A pattern that is no regular expression, or takes too long, does not match. */
export function matches(pattern: string, text: string): boolean {
  sandbox['pattern'] = pattern;
  sandbox['text'] = text;
  try {
    return search.runInContext(sandbox, { timeout: MATCH_MS }) === true;
  } catch {
    return false;
  } finally {
    sandbox['text'] = '';
  }
}

function tooLong(timeoutMs: number): string {
  return `no answer within ${timeoutMs / 1000} s`;
}

/**
 * User networking accepts at once and closes when nobody listens in the guest: a port counts once it stays open. Gives why it
 * does not.
 */
function staysOpen(host: string, port: number, timeoutMs: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ port, host });
    const end = (why: string | undefined) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(why);
    };
    let timer = setTimeout(() => end(tooLong(timeoutMs)), timeoutMs);
    socket.once('connect', () => {
      clearTimeout(timer);
      timer = setTimeout(() => end(undefined), STAY_OPEN_MS);
    });
    socket.once('data', () => end(undefined));
    socket.once('error', (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
    socket.once('close', () => end('closed at once'));
    socket.once('end', () => end('closed at once'));
  });
}

/** Gives why an address does not answer as a guest does that is well. */
async function answers(url: string, timeoutMs: number): Promise<string | undefined> {
  try {
    const response = await fetch(url, { redirect: 'manual', signal: AbortSignal.timeout(timeoutMs) });
    await response.body?.cancel();
    return response.status >= 200 && response.status < 400 ? undefined : `answered ${response.status}`;
  } catch (error) {
    if (error instanceof Error && error.name === 'TimeoutError') return tooLong(timeoutMs);
    const cause = error instanceof Error ? error.cause : undefined;
    const code = cause instanceof Error ? ((cause as NodeJS.ErrnoException).code ?? cause.message) : undefined;
    return code === undefined || code === '' ? 'no answer' : code;
  }
}

/** What a command is told of the VM; nothing of the daemon's own environment but the way to programs. */
export function commandEnvironment(vm: DriverVm): NodeJS.ProcessEnv {
  const { source } = vm.spec;
  const { cid, macs, interfaceNames } = vm.allocation;
  const ports: Record<string, string> = {};
  if (source.kind === 'inline') {
    source.forwards.forEach(({ protocol, guestPort, hostPort: asked }, index) => {
      const port = vm.allocation.hostPorts[index] ?? asked;
      if (port !== undefined) ports[`N3X_VM_PORT_${protocol.toUpperCase()}_${guestPort}`] = String(port);
    });
  }
  return {
    PATH: process.env['PATH'],
    N3X_VM_NAME: vm.name,
    N3X_VM_UID: vm.uid,
    N3X_VM_CID: String(cid),
    N3X_VM_MACS: macs.join(' '),
    N3X_VM_INTERFACES: interfaceNames.join(' '),
    N3X_VM_ADDRESSES: reachable(vm).join(' '),
    ...ports,
  };
}

async function succeeds(
  argv: readonly string[],
  vm: DriverVm,
  context: ProbeContext,
  timeoutMs: number,
): Promise<Answer> {
  const [program = '', ...rest] = argv;
  const result = await context.run([program, ...rest], commandEnvironment(vm), timeoutMs);
  if (result.spawnError !== undefined) return no(`command ${program}: cannot be run: ${result.spawnError}`);
  if (result.timedOut) return no(`command ${program}: ${tooLong(timeoutMs)}`);
  if (result.code === 0) return OK;
  const end = result.code === null ? `ended by ${result.signal ?? 'a signal'}` : `exit code ${result.code}`;
  const line = lastLine(result.stderr) ?? lastLine(result.stdout);
  return no(`command ${program}: ${end}${line === undefined ? '' : `: ${line}`}`);
}

function lastLine(text: string): string | undefined {
  return text
    .split('\n')
    .map((line) => line.trim())
    .findLast((line) => line !== '');
}
