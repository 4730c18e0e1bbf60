/** What the rule for one command says. */
import { ERROR_CODES, type ErrorBody, type ErrorCode } from '../base/errors.ts';

/** What the rule for one command says. */
export type Verdict =
  | { readonly ok: true; readonly changed: boolean; readonly values?: Readonly<Record<string, string | number>> }
  | { readonly ok: false; readonly error: ErrorBody };

/** It took effect. */
export function done(values?: Readonly<Record<string, string | number>>): Verdict {
  return values === undefined ? { ok: true, changed: true } : { ok: true, changed: true, values };
}

/** The state already was as asked. */
export function unchanged(values?: Readonly<Record<string, string | number>>): Verdict {
  return values === undefined ? { ok: true, changed: false } : { ok: true, changed: false, values };
}

/** No effect, with the reason. */
export function no(code: ErrorCode, message: string, details?: Readonly<Record<string, unknown>>): Verdict {
  return { ok: false, error: details === undefined ? { code, message } : { code, message, details } };
}

/** The object has changed since a conditional request was made; undefined when it is as `expected`, or nothing is. */
export function overtaken(
  what: 'VM' | 'host' | 'project',
  { name, modifiedIndex }: { readonly name: string; readonly modifiedIndex: number },
  expected: number | undefined,
): Verdict | undefined {
  if (expected === undefined || expected === modifiedIndex) return undefined;
  return no(
    ERROR_CODES.conflict,
    `${what} ${name} has changed: it is at index ${modifiedIndex}, the request was made for ${expected}. Read it again`,
    { name, modifiedIndex, ifModifiedIndex: expected },
  );
}

/** The named object does not exist. */
export function notFound(
  kind: 'VM' | 'set' | 'host' | 'token' | 'lock' | 'network' | 'project' | 'volume',
  name: string,
  hint: string,
): Verdict {
  return no(ERROR_CODES.notFound, `${kind} ${name} does not exist: ${hint}`, { kind: kind.toLowerCase(), name });
}
