/** What went wrong while connecting, in one line. */
import { describeError } from '@n3x/core/base/errors';

/** One line for an error of libp2p, with those that it gathers from several addresses. */
export function errorText(error: unknown): string {
  if (!(error instanceof AggregateError)) return describeError(error);
  const texts = error.errors.map((inner) => describeError(inner));
  return [...new Set(texts)].join('; ');
}
