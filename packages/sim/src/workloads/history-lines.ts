/**
 * A history in the form that checkers outside this project read (that of Jepsen, as JSON): one line for every
 * invocation and for every end of one, in the order in which they happened. `docs/simulation.md` describes it.
 */
import type { Recorded } from './history.ts';

/** One line, as plain data. */
export interface HistoryLine {
  /** `ok`: as answered. `fail`: it had no effect. `info`: nobody knows, now or later. */
  readonly type: 'invoke' | 'ok' | 'fail' | 'info';
  /** One operation at a time each, and none after an `info`. */
  readonly process: number;
  /** `read`, or the command's type. */
  readonly f: string;
  /** The object. Histories of different objects are independent. */
  readonly key: string;
  readonly value: unknown;
  /** Virtual ms since the beginning of the run. */
  readonly time: number;
  /** The request id: the same for all attempts at one operation. */
  readonly request: string;
}

/** Clients are numbered below this; a client's further processes are this much apart. */
const PROCESSES_APART = 1_000;

/** The lines of a history. Operations that never ended have no second line. */
export function historyLines(objects: ReadonlyMap<string, readonly Recorded[]>): HistoryLine[] {
  const moments = [...objects.values()].flat().flatMap((recorded) => {
    const end = Math.min(recorded.returnedAt, recorded.abandonedAt);
    const began = { at: recorded.invokedAt, recorded, isEnd: false };
    return Number.isFinite(end) ? [began, { at: end, recorded, isEnd: true }] : [began];
  });
  const processes = new Processes();
  return moments
    .sort((a, b) => a.at - b.at)
    .map(({ recorded, isEnd }) => (isEnd ? endLine(recorded, processes) : beginLine(recorded, processes)));
}

/** Numbers for those who do one thing after the other. */
class Processes {
  readonly #free = new Map<number, number[]>();
  readonly #made = new Map<number, number>();
  readonly #busy = new Map<Recorded, number>();

  begin(recorded: Recorded): number {
    const { client } = recorded;
    const made = this.#made.get(client) ?? 0;
    const free = this.#free.get(client)?.pop();
    if (free === undefined) this.#made.set(client, made + 1);
    const process = free ?? client + made * PROCESSES_APART;
    this.#busy.set(recorded, process);
    return process;
  }

  /** With `isFree` it may begin something else. */
  end(recorded: Recorded, isFree: boolean): number {
    const { client } = recorded;
    const process = this.#busy.get(recorded) ?? client;
    this.#busy.delete(recorded);
    if (isFree) this.#free.set(client, [...(this.#free.get(client) ?? []), process]);
    return process;
  }
}

function beginLine(recorded: Recorded, processes: Processes): HistoryLine {
  const { operation, invokedAtMs } = recorded;
  const process = processes.begin(recorded);
  const expected = operation.type === 'write' && operation.expected !== undefined ? operation.expected : undefined;
  const command = operation.type === 'write' ? operation.command : null;
  const value = expected === undefined ? command : { command, expected };
  return { type: 'invoke', process, ...about(recorded), value, time: invokedAtMs, request: recorded.requestId };
}

function endLine(recorded: Recorded, processes: Processes): HistoryLine {
  const { answer, returnedAtMs, abandonedAtMs, requestId } = recorded;
  const line = (type: HistoryLine['type'], value: unknown): HistoryLine => {
    const process = processes.end(recorded, type !== 'info');
    const time = answer === undefined ? abandonedAtMs : returnedAtMs;
    return { type, process, ...about(recorded), value, time, request: requestId };
  };
  if (answer === undefined) return line('info', null);
  switch (answer.type) {
    case 'none':
      return line('fail', null);
    case 'read':
      return line('ok', answer.found);
    case 'written':
      return answer.result.ok ? line('ok', answer.result) : line('fail', answer.result.error);
  }
}

function about({ operation }: Recorded): { readonly f: string; readonly key: string } {
  return { f: operation.type === 'read' ? 'read' : operation.command.type, key: operation.object };
}
