/** Taking a host out of its cluster, and knowing when it is out. */
import { request } from 'node:http';
import type { Duplex } from 'node:stream';
import { ERROR_CODES, N3xError } from '@n3x/core/base/errors';
import type { Member } from './member.ts';

/** Time between two looks, in ms. */
const LOOK_MS = 100;
/** How long a member may take to answer one look, in ms. */
const ASK_MS = 2_000;
/** Looks in a row at which a member let us connect and cut us off, after which we are out. */
const CUTS_IN_A_ROW = 3;

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
  let cuts = 0;
  while (performance.now() < deadline && !signal.aborted) {
    if (shell.state.hostByName(name) === undefined) return;
    if (isSelf) {
      for (const host of shell.state.hosts()) {
        if (host.id === membership.hostId) continue;
        const answer = await ask(member, host.id, name);
        if (answer === 'gone') return;
        if (answer === 'cut') cuts++;
        else if (answer === 'there') cuts = 0;
        if (cuts >= CUTS_IN_A_ROW) return;
      }
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
  const { shell, membership } = member;
  for (let look = 0; look < CUTS_IN_A_ROW; look++) {
    let cut = false;
    for (const host of shell.state.hosts()) {
      if (host.id === membership.hostId) continue;
      const answer = await ask(member, host.id, membership.name);
      if (answer === 'gone') return true;
      if (answer === 'there') return false;
      if (answer === 'cut') cut = true;
    }
    if (!cut) return false;
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
  return true;
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
