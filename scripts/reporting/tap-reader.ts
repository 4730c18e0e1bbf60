/** Reads the TAP stream of a run of many test files: counts its points and hands out one result per file. */

/** What one test file came to. */
export interface FileResult {
  readonly name: string;
  /** Leaf points, so a subtest counts by what is in it. */
  readonly passed: number;
  readonly failed: number;
  /** Duration as the runner printed it, for example `12.5ms`; empty when it did not. */
  readonly time: string;
  /** The file's part of the stream, to show when something failed. */
  readonly text: string;
}

const POINT = /^( *)(not )?ok \d+(?: - | |$)(.*)$/;
const YAML_START = /^( +)---$/;
const INDENT = 4;

interface Level {
  points: number;
  failed: number;
}

/**
 * Counts leaf points by indentation. A failed subtest whose points all passed (a wrong plan, a time-out) counts as
 * one failure, as do a skipped or unfinished point, a file without any point, and a bail-out: none of them proves
 * what the test is there to prove.
 */
export class TapReader {
  passed = 0;
  failed = 0;
  readonly #onFile: (result: FileResult) => void;
  /** By depth, the points seen since the last point one level up. */
  #levels: Level[] = [];
  #yamlEnd: string | undefined;
  #lines: string[] = [];
  #before = { passed: 0, failed: 0 };

  constructor(onFile: (result: FileResult) => void) {
    this.#onFile = onFile;
  }

  /** Takes the next line, without its newline. */
  line(text: string): void {
    this.#lines.push(text);
    if (this.#yamlEnd !== undefined) {
      if (text === this.#yamlEnd) this.#yamlEnd = undefined;
      return;
    }
    const yaml = YAML_START.exec(text);
    if (yaml !== null) {
      this.#yamlEnd = `${yaml[1]}...`;
      return;
    }
    if (text.trimStart().startsWith('Bail out!')) this.failed += 1;
    const point = POINT.exec(text);
    if (point === null) return;
    const [, indent = '', not, rest = ''] = point;
    this.#point(indent.length / INDENT, not === undefined, rest);
  }

  #point(depth: number, ok: boolean, rest: string): void {
    const inside = this.#levels[depth + 1];
    this.#levels.length = Math.min(this.#levels.length, depth + 1);
    for (let d = this.#levels.length; d <= depth; d += 1) this.#levels.push({ points: 0, failed: 0 });
    const level = this.#levels[depth] ?? { points: 0, failed: 0 };
    level.points += 1;

    let failed = inside?.failed ?? 0;
    const proved = ok && !/ # (skip|todo)\b/i.test(` ${rest}`);
    if (inside === undefined || inside.points === 0) {
      const empty = depth === 0;
      if (proved && !empty) this.passed += 1;
      else failed += this.#fail();
    } else if (!proved && failed === 0) {
      failed += this.#fail();
    }
    level.failed += failed;
    if (depth === 0) this.#endFile(rest);
  }

  #fail(): 1 {
    this.failed += 1;
    return 1;
  }

  #endFile(rest: string): void {
    const [name = '', ...directives] = rest.split(' # ');
    this.#onFile({
      name: name.trim(),
      passed: this.passed - this.#before.passed,
      failed: this.failed - this.#before.failed,
      time: /time=(\S+)/.exec(directives.join(' '))?.[1] ?? '',
      text: this.#lines.join('\n'),
    });
    this.#before = { passed: this.passed, failed: this.failed };
    this.#lines = [];
    this.#levels = [];
  }
}
