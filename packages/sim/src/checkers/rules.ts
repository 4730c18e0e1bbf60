/** Names of the rules that hang on no single checker. */

/** A daemon ended by a broken invariant or an unexpected error. */
export const NO_CRASH = 'no-crash';
/** A committed entry that cannot be read. */
export const NO_MALFORMED_ENTRY = 'no-malformed-entry';
