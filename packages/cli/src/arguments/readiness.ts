import type { VmSpecInput } from '@n3x/core/model/vm';
import { parsePort } from './network.ts';
import { UsageError } from './usage-error.ts';

/** How a VM's guest is known to be ready, as the API takes it. */
export type ReadinessInput = NonNullable<VmSpecInput['readiness']>;

/** Reads `process`, `console:REGEX`, `tcp:PORT` or `http:PORT[/PATH]`. Throws `UsageError`. */
export function parseReadiness(text: string): ReadinessInput {
  if (text === 'process') return { type: 'process' };
  const colon = text.indexOf(':');
  const type = text.slice(0, Math.max(0, colon));
  const rest = text.slice(colon + 1);
  if (type === 'console' && rest !== '') {
    try {
      new RegExp(rest, 'u');
    } catch (error) {
      throw new UsageError(`--ready: ${error instanceof Error ? error.message : String(error)}`);
    }
    return { type, pattern: rest };
  }
  if (type === 'tcp') return { type, port: parsePort('--ready', rest) };
  if (type === 'http') {
    const slash = rest.indexOf('/');
    if (slash === -1) return { type, port: parsePort('--ready', rest) };
    return { type, port: parsePort('--ready', rest.slice(0, slash)), path: rest.slice(slash) };
  }
  throw new UsageError(`--ready: "${text}" is none of process, console:REGEX, tcp:PORT, http:PORT[/PATH]`);
}
