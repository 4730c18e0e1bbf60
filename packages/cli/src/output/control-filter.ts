/**
 * Makes a guest's output safe to show on a terminal. What a guest prints may hold sequences that move the cursor,
 * rename the window or make the terminal answer as if somebody typed; only text and colours come through.
 * Sequences: ECMA-48 (escape, control and command sequences).
 */

const ESCAPE = 0x1b;
const BELL = 0x07;
/** Longest parameters of a control sequence that is looked at; a longer one is dropped like an unknown one. */
const PARAMETERS_MAX = 32;

type State =
  | { readonly at: 'text' }
  /** After the first byte of a two-byte character whose second byte would be a control. */
  | { readonly at: 'lead' }
  | { readonly at: 'escape' }
  | { readonly at: 'control'; readonly parameters: number[] }
  /** In a string for the terminal: up to a bell, or an escape and what follows it. */
  | { readonly at: 'string' };

const TEXT: State = { at: 'text' };

/** Filters a stream of bytes, also where a sequence is cut in two. */
export class ControlFilter {
  #state: State = TEXT;

  /** What of `bytes` may be shown. */
  push(bytes: Uint8Array): Uint8Array {
    const shown: number[] = [];
    for (const byte of bytes) this.#state = this.#step(byte, shown);
    return Uint8Array.from(shown);
  }

  #step(byte: number, shown: number[]): State {
    const state = this.#state;
    switch (state.at) {
      case 'text':
        return text(byte, shown);
      case 'lead':
        // U+0080 to U+009F are controls too.
        if (byte >= 0x80 && byte <= 0x9f) return TEXT;
        shown.push(0xc2);
        return text(byte, shown);
      case 'escape':
        if (byte === 0x5b) return { at: 'control', parameters: [] };
        if ([0x50, 0x58, 0x5d, 0x5e, 0x5f].includes(byte)) return { at: 'string' };
        return byte >= 0x20 && byte <= 0x2f ? state : TEXT;
      case 'control':
        if (byte === ESCAPE) return { at: 'escape' };
        if (byte >= 0x40 && byte <= 0x7e) {
          if (byte === 0x6d && state.parameters.length <= PARAMETERS_MAX) {
            shown.push(ESCAPE, 0x5b, ...state.parameters, byte);
          }
          return TEXT;
        }
        // Anything else than parameters ends the sequence without effect.
        if (byte < 0x20 || byte > 0x3f) return text(byte, shown);
        if (state.parameters.length <= PARAMETERS_MAX) state.parameters.push(byte);
        return state;
      case 'string':
        if (byte === ESCAPE) return { at: 'escape' };
        return byte === BELL || byte === 0x0a ? text(byte, shown) : state;
    }
  }
}

function text(byte: number, shown: number[]): State {
  if (byte === ESCAPE) return { at: 'escape' };
  if (byte === 0xc2) return { at: 'lead' };
  const printable = byte >= 0x20 && byte !== 0x7f;
  if (printable || byte === 0x0a || byte === 0x0d || byte === 0x09) shown.push(byte);
  return TEXT;
}
