/** Consoles: an HTTP `Upgrade` after which the connection carries raw bytes both ways. */
import type { IncomingMessage } from 'node:http';
import type { Duplex, Readable, Writable } from 'node:stream';
import { ROUTES } from '@n3x/core/api/routes';
import { CONSOLE_INPUT_HEADER, CONSOLE_UPGRADE, TIMEOUT_HEADER } from '@n3x/core/api/schemas';
import { N3xError } from '@n3x/core/base/errors';
import type { JournalPort } from '@n3x/core/ports/journal';
import type { ApiBackend } from './backend.ts';
import { unknownVm } from './call.ts';
import { openTunnel, placeOf } from './handlers/vm-streams.ts';
import { errorAnswer, rawErrorAnswer, readInput } from './problems.ts';
import { FORWARDED_HEADER, timeoutOf, withDeadline } from './request-options.ts';

const CONSOLE_PATH = /^\/v1\/vms\/([^/?]*)\/console(?:\?.*)?$/;

/** Whether a request asks to become a console. Any other one is answered as plain HTTP. */
export function isConsoleUpgrade(request: IncomingMessage): boolean {
  return request.headers.upgrade?.toLowerCase() === CONSOLE_UPGRADE && CONSOLE_PATH.test(request.url ?? '');
}

/** What opening a console needs. */
export interface ConsoleContext {
  readonly backend: ApiBackend;
  readonly journal: Pick<JournalPort, 'log'>;
}

/**
 * Answers a console request on its connection: `head` is what the client sent after its request. `full` says
 * that no more streams are taken. Never rejects.
 */
export async function openConsole(
  context: ConsoleContext,
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  full: boolean,
): Promise<void> {
  const gone = new AbortController();
  socket.once('close', () => gone.abort());
  // Errors of the connection are its end, which 'close' tells.
  socket.on('error', () => socket.destroy());
  try {
    if (full) throw new N3xError('N3X_OVERLOADED', 'too many streams are open on this host: try again later');
    await connect(context.backend, request, socket, head, gone.signal);
  } catch (error) {
    const answer = errorAnswer(error, context.journal, 'openVmConsole');
    socket.end(rawErrorAnswer(answer));
  }
}

async function connect(
  backend: ApiBackend,
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  signal: AbortSignal,
): Promise<void> {
  const timeoutMs = timeoutOf(request.headers);
  const encoded = CONSOLE_PATH.exec(request.url ?? '')?.[1] ?? '';
  const { name } = readInput(ROUTES.openVmConsole.params, { name: decode(encoded) });
  const state = backend.state();
  if (state?.cluster === undefined) {
    throw new N3xError('N3X_NOT_INITIALISED', 'this host belongs to no cluster yet, so it has no VM');
  }
  const vm = state.vm(name);
  if (vm === undefined) throw unknownVm(state, name);
  const place = placeOf(state, vm, backend.local().hostId, request.headers[FORWARDED_HEADER] !== undefined);
  if (place.type === 'there') {
    const tunnel = await openTunnel(backend, place, timeoutMs);
    tunnel.write(requestText(name, timeoutMs));
    if (head.length > 0) tunnel.write(head);
    // The other host's answer, 101 or an error, goes through as it is.
    join(socket, tunnel, tunnel);
    return;
  }
  const opened = await withDeadline(backend.vmConsole(name, signal), timeoutMs, 'opening the console', (late) => {
    late.output.destroy();
    late.input?.destroy();
  });
  const input = opened.input === null ? `${CONSOLE_INPUT_HEADER}: none\r\n` : '';
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: ${CONSOLE_UPGRADE}\r\n${input}\r\n`,
  );
  if (head.length > 0) opened.input?.write(head);
  join(socket, opened.output, opened.input);
}

function requestText(name: string, timeoutMs: number): string {
  return [
    `GET /v1/vms/${encodeURIComponent(name)}/console HTTP/1.1`,
    'host: n3x',
    'connection: Upgrade',
    `upgrade: ${CONSOLE_UPGRADE}`,
    `${FORWARDED_HEADER}: 1`,
    `${TIMEOUT_HEADER}: ${timeoutMs}`,
    '',
    '',
  ].join('\r\n');
}

/** Carries bytes both ways until either side ends, then ends the other. Without `input` what comes in is dropped. */
function join(socket: Duplex, output: Readable, input: Writable | null): void {
  const endAll = (): void => {
    // What was printed before the end still reaches the client; nothing more is typed.
    socket.end();
    if (!output.destroyed) output.destroy();
    if (input !== null && !input.destroyed) input.destroy();
  };
  output.pipe(socket, { end: false });
  output.once('end', endAll);
  output.once('close', endAll);
  output.on('error', endAll);
  if (input === null) socket.resume();
  else {
    input.on('error', endAll);
    input.once('close', endAll);
    socket.pipe(input, { end: false });
  }
  socket.once('end', endAll);
  socket.once('close', endAll);
  if (socket.destroyed) endAll();
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (cause) {
    throw new N3xError('N3X_INVALID', 'the path is not a valid URL path: check its percent signs', { cause });
  }
}
