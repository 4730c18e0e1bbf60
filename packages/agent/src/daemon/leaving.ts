/** Taking a host out of its cluster, and knowing when it is out. */
import { request } from 'node:http';
import type { Duplex } from 'node:stream';
import { ERROR_CODES, N3xError } from '@n3x/core/base/errors';
import type { Member } from './member.ts';

/** Time between two looks, in ms. */
const LOOK_MS = 100;
/** How long a member may take to answer one look, in ms. */
const ASK_MS = 2_000;
/**
 * For how long, in ms, members have to let us connect and cut us off before that means that we are out. A member
 * that is stopping cuts too, but not for that long: then it is gone, and after that it is back and knows us.
 */
const CUT_OFF_MS = 3_000;

/** What another member makes of the leaving host. A member cuts off whoever is no member. */
type Answer = 'gone' | 'there' | 'cut' | 'unreached';

/**
 * Waits until the host is out of the cluster: gone from this host's state, or, for the leaving host itself,
 * which is told nothing any more once it is out, gone from what another member answers.
 */
export async function waitUntilOut(
  member: Member,
  name: string,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  const { shell, membership } = member;
  const isSelf = name === membership.name;
  let cutSince: number | null = null;
  while (performance.now() < deadline && !signal.aborted) {
    if (shell.state.hostByName(name) === undefined) return;
    if (isSelf) {
      const answer = await askAll(member, name);
      if (answer === 'gone') return;
      cutSince = answer === 'cut' ? (cutSince ?? performance.now()) : null;
      if (cutSince !== null && performance.now() - cutSince >= CUT_OFF_MS) return;
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
  throw new N3xError(
    ERROR_CODES.timeout,
    `host ${name} is leaving and not out yet: a majority of the other servers has to be up; ask again to go on waiting`,
    { details: { outcome: 'unknown' } },
  );
}

/**
 * Whether the others took this host out while it could not hear of it. Asked only of a host that hears of no
 * leader: every member that can be reached has to cut it off, again and again, and none to know it still.
 */
export async function wasTakenOut(member: Member): Promise<boolean> {
  const since = performance.now();
  for (;;) {
    const answer = await askAll(member, member.membership.name);
    if (answer === 'gone') return true;
    if (answer !== 'cut') return false;
    if (performance.now() - since >= CUT_OFF_MS) return true;
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

/** What the other members make of this host: `gone` or `there` if one says so, `cut` if all that are reached cut it off. */
async function askAll(member: Member, name: string): Promise<Answer> {
  const others = [...member.shell.state.hosts()].filter((host) => host.id !== member.membership.hostId);
  const answers = await Promise.all(others.map((host) => ask(member, host.id, name)));
  for (const answer of ['gone', 'there', 'cut'] as const) if (answers.includes(answer)) return answer;
  return 'unreached';
}

async function ask(member: Member, hostId: number, name: string): Promise<Answer> {
  let tunnel: Duplex;
  try {
    tunnel = await member.tunnel(hostId);
  } catch {
    return 'unreached';
  }
  return new Promise((resolve) => {
    const path = `/v1/hosts/${name}?consistency=stale`;
    const asked = request({ createConnection: () => tunnel, path, headers: { host: 'n3x', connection: 'close' } });
    // A timer of our own: `setTimeout` of a request asks for a net.Socket, which a tunnel is not.
    const timer = setTimeout(() => {
      resolve('unreached');
      asked.destroy();
    }, ASK_MS);
    asked.on('response', (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode === 404 ? 'gone' : 'there'));
      response.on('error', () => resolve('cut'));
    });
    asked.on('error', () => resolve('cut'));
    asked.on('close', () => {
      clearTimeout(timer);
      tunnel.destroy();
      resolve('cut');
    });
    asked.end();
  });
}
