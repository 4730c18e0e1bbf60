/** Shells that a completion script can be made for. */
export const SHELLS = ['bash', 'zsh', 'fish'] as const;
/** A shell that a completion script can be made for. */
export type Shell = (typeof SHELLS)[number];
