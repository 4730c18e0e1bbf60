/** Faults as spans of time, from the texts that a trace tells of them. */

/** One fault. `untilMs` is undefined for what lasts to the end of all faults. */
export interface FaultSpan {
  readonly fromMs: number;
  untilMs: number | undefined;
  readonly text: string;
  /** Hosts that it names. */
  readonly hosts: readonly string[];
}

/** What takes back what: by the first word of a text. */
const HEALED = ['partition', 'cut'];
const UNTIL_STARTED = ['crash', 'power'];
/** What happens at one moment. */
const SUDDEN = ['heal', 'mend', 'restart', 'drift', 'jump', 'join', 'remove', 'rot', 'wipe', 'upgrade', 'downgrade'];
/** Spans that are kept; the earliest go first. */
const SPANS_MAX = 20_000;

/** Follows the faults of a run. */
export class FaultSpans {
  readonly #spans: FaultSpan[] = [];

  /** All spans, by their beginning. */
  get spans(): readonly FaultSpan[] {
    return this.#spans;
  }

  /** A fault happens. */
  add(atMs: number, text: string): void {
    const [kind = ''] = text.split(' ', 1);
    if (kind === 'heal') this.#end(atMs, ({ text: other }) => HEALED.includes(firstWord(other)));
    if (kind === 'partition') this.#end(atMs, ({ text: other }) => firstWord(other) === 'partition');
    if (kind === 'mend') this.#end(atMs, ({ text: other }) => other === text.replace('mend', 'cut'));
    const lasting = /\bfor (\d+(?:\.\d+)?)(ms|s)\b/.exec(text);
    const lastsMs = lasting === null ? undefined : Number(lasting[1]) * (lasting[2] === 's' ? 1_000 : 1);
    const untilMs = SUDDEN.includes(kind) ? atMs : lastsMs === undefined ? undefined : atMs + lastsMs;
    this.#spans.push({ fromMs: atMs, untilMs, text, hosts: [...new Set(text.match(/\bn\d+\b/g) ?? [])] });
    if (this.#spans.length > SPANS_MAX) this.#spans.shift();
  }

  /** A daemon starts: its crash is over. */
  started(atMs: number, host: string): void {
    this.#end(atMs, ({ text, hosts }) => UNTIL_STARTED.includes(firstWord(text)) && hosts.includes(host));
  }

  #end(atMs: number, which: (span: FaultSpan) => boolean): void {
    for (const span of this.#spans) {
      if (span.untilMs === undefined && which(span)) span.untilMs = atMs;
    }
  }
}

function firstWord(text: string): string {
  return text.split(' ', 1)[0] ?? '';
}
