/** Proposals to the bytes of a log entry and back. The first byte is the format, so that a build knows what it cannot read. */
import { describeError } from '../base/errors.ts';
import { COMMAND_FORMATS, type Proposal, proposalSchema } from './command.ts';
import { isIn } from './command-since.ts';
import { type FormatRange, reads } from './format-range.ts';
import { decodeValue, encodeValue } from './record-codec.ts';

/** What came of reading an entry. */
export type DecodedProposal =
  | { readonly ok: true; readonly proposal: Proposal }
  /** Written by a build with other formats. */
  | { readonly ok: false; readonly reason: 'unsupportedFormat'; readonly format: number; readonly message: string }
  /** Not a proposal at all. Never proposed by n3x; every host must treat a committed one alike. */
  | { readonly ok: false; readonly reason: 'malformed'; readonly message: string };

/** The bytes of a proposal. `format` is 1 to 255. */
export function encodeProposal(proposal: Proposal): Uint8Array {
  const { format, ...rest } = proposal;
  const body = encodeValue(rest);
  const bytes = new Uint8Array(body.length + 1);
  bytes[0] = format;
  bytes.set(body, 1);
  return bytes;
}

/** Reads the bytes of an entry and checks them against the schema. `formats` are those that this build reads. Never throws. */
export function decodeProposal(bytes: Uint8Array, formats: FormatRange = COMMAND_FORMATS): DecodedProposal {
  const format = bytes[0];
  if (format === undefined || format === 0) return { ok: false, reason: 'malformed', message: 'no format byte' };
  if (!reads(formats, format)) {
    const [low, high] = formats;
    const message = `command format ${format}; this build reads ${low} to ${high}`;
    return { ok: false, reason: 'unsupportedFormat', format, message };
  }
  let body: unknown;
  try {
    body = decodeValue(bytes.subarray(1));
  } catch (error) {
    return { ok: false, reason: 'malformed', message: describeError(error) };
  }
  if (body === null || typeof body !== 'object' || Array.isArray(body)) {
    return { ok: false, reason: 'malformed', message: 'not a map' };
  }
  const parsed = proposalSchema.safeParse({ ...body, format });
  if (parsed.success) {
    const { command } = parsed.data;
    if (isIn(format, command)) return { ok: true, proposal: parsed.data };
    // A build of that format does not know it and passes over it: so does this one.
    return { ok: false, reason: 'malformed', message: `${command.type} is no command of format ${format}` };
  }
  const issue = parsed.error.issues[0];
  const where = issue === undefined ? '' : `${issue.path.join('.')}: ${issue.message}`;
  return { ok: false, reason: 'malformed', message: where };
}
