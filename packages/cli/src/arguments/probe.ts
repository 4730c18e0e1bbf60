import type { VmSpecInput } from '@n3x/core/model/vm';
import { PROBE_FORMS } from './choices.ts';
import { parsePort } from './network.ts';
import { UsageError } from './usage-error.ts';

/** One question to a guest, as the API takes it. */
export type ProbeInput = NonNullable<VmSpecInput['readiness']>;

/** Words between blanks, or a JSON array where a word has blanks or quotes. */
function parseWords(flag: string, text: string): string[] {
  const wrong = (why: string) =>
    new UsageError(
      `${flag}: ${why}`,
      'words are separated by blanks; where a word has blanks or quotes write a JSON array: command:["PROGRAM","ARGUMENT"]',
    );
  if (!text.startsWith('[')) {
    if (/["'\\]/.test(text)) throw wrong(`"${text}" has quotes, and no shell reads them`);
    return text.split(/\s+/).filter((word) => word !== '');
  }
  let words: unknown;
  try {
    words = JSON.parse(text);
  } catch (error) {
    throw wrong(`"${text}" is no JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (!Array.isArray(words) || !words.every((word) => typeof word === 'string')) {
    throw wrong(`"${text}" is no array of words`);
  }
  return words;
}

/** Reads a probe. Throws `UsageError`; `flag` is named in it. */
export function parseProbe(flag: string, text: string): ProbeInput {
  if (text === 'process' || text === 'notify') return { type: text };
  const colon = text.indexOf(':');
  const type = text.slice(0, Math.max(0, colon));
  const rest = text.slice(colon + 1);
  if (type === 'console' && rest !== '') {
    try {
      new RegExp(rest, 'u');
    } catch (error) {
      throw new UsageError(`${flag}: ${error instanceof Error ? error.message : String(error)}`);
    }
    return { type, pattern: rest };
  }
  if (type === 'tcp') return { type, port: parsePort(flag, rest) };
  if (type === 'http') {
    const slash = rest.indexOf('/');
    if (slash === -1) return { type, port: parsePort(flag, rest) };
    return { type, port: parsePort(flag, rest.slice(0, slash)), path: rest.slice(slash) };
  }
  if (type === 'command' && rest.trim() !== '') return { type, argv: parseWords(flag, rest.trim()) };
  throw new UsageError(`${flag}: "${text}" is none of ${PROBE_FORMS}`);
}
