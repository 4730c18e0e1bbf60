/** Files that a command is given, and files that it writes. */
import { accessSync, closeSync, constants, openSync, readFileSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { ERROR_CODES, N3xError } from '@n3x/core/base/errors';

function reason(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  const known: Readonly<Record<string, string>> = {
    ENOENT: 'there is no such file or directory',
    EISDIR: 'it is a directory',
    EACCES: 'permission denied',
    ENOTDIR: 'its path goes through a file',
    ENOSPC: 'the disk is full',
  };
  return known[String(code)] ?? String(code ?? error);
}

function refuse(path: string, verb: string, error: unknown): N3xError {
  return new N3xError(ERROR_CODES.invalid, `${path} cannot be ${verb}: ${reason(error)}`);
}

/** The text of a file. Throws `N3X_INVALID` naming the file and why it cannot be read. */
export function readInput(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw refuse(path, 'read', error);
  }
}

/**
 * Refuses a file that {@link writeOutput} could not write, before the work whose result goes there. Throws
 * `N3X_INVALID`. Files that are not given are passed over.
 */
export function checkOutputs(...paths: readonly (string | undefined)[]): void {
  for (const path of paths) {
    if (path === undefined) continue;
    const there = statSync(path, { throwIfNoEntry: false });
    if (there?.isDirectory() === true) throw refuse(path, 'written', Object.assign(new Error(), { code: 'EISDIR' }));
    try {
      accessSync(there === undefined ? dirname(path) : path, constants.W_OK);
    } catch (error) {
      throw refuse(path, 'written', error);
    }
  }
}

/** Writes a file. Throws `N3X_INVALID` naming the file and why it cannot be written. */
export function writeOutput(path: string, content: string): void {
  try {
    writeFileSync(path, content);
  } catch (error) {
    throw refuse(path, 'written', error);
  }
}

/** Characters that are collected before they are written. */
const BUFFER_CHARACTERS = 1 << 20;

/** A text file that is written line by line: a trace may be larger than memory should hold. */
export class LineFile {
  readonly #file: number;
  readonly #path: string;
  #lines: string[] = [];
  #characters = 0;

  /** Begins the file anew. Throws `N3X_INVALID` when it cannot be written. */
  constructor(path: string) {
    this.#path = path;
    try {
      this.#file = openSync(path, 'w');
    } catch (error) {
      throw refuse(path, 'written', error);
    }
  }

  /** Adds a line. */
  line(text: string): void {
    this.#lines.push(text);
    this.#characters += text.length;
    if (this.#characters >= BUFFER_CHARACTERS) this.#flush();
  }

  /** Writes what is left. */
  close(): void {
    this.#flush();
    closeSync(this.#file);
  }

  #flush(): void {
    if (this.#lines.length === 0) return;
    try {
      writeSync(this.#file, `${this.#lines.join('\n')}\n`);
    } catch (error) {
      throw refuse(this.#path, 'written', error);
    }
    this.#lines = [];
    this.#characters = 0;
  }
}
