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

/** The named object does not exist. */
export function notFound(
  kind: 'VM' | 'set' | 'host' | 'token' | 'lock' | 'network' | 'project' | 'volume',
  name: string,
  hint: string,
): Verdict {
  return no(ERROR_CODES.notFound, `${kind} ${name} does not exist: ${hint}`, { kind: kind.toLowerCase(), name });
}
