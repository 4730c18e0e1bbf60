/** Reads a directive's arguments by type, and refuses what nobody read: a misspelt key must not pass unnoticed. */
import { type Directive, ScriptError } from './datadriven.ts';

/** The arguments of one directive. Every reader consumes what it reads; `done` has to be called last. */
export class Arguments {
  readonly #directive: Directive;
  readonly #unread: Set<number>;

  constructor(directive: Directive) {
    this.#directive = directive;
    this.#unread = new Set(directive.args.keys());
  }

  /** Fails at the directive's position. */
  fail(message: string): never {
    throw new ScriptError(this.#directive.position, `${this.#directive.command}: ${message}`);
  }

  /** The next bare word, if there is one. */
  word(): string | undefined {
    for (const i of this.#unread) {
      const argument = this.#directive.args[i];
      if (argument === undefined || argument.values.length > 0) continue;
      this.#unread.delete(i);
      return argument.key;
    }
    return undefined;
  }

  /** The next bare word, a whole number. */
  number(what: string): number {
    const text = this.word();
    if (text === undefined) this.fail(`${what} is missing`);
    return this.#toNumber(text, what);
  }

  /** All remaining bare words, whole numbers. */
  numbers(what: string): number[] {
    const found: number[] = [];
    for (let text = this.word(); text !== undefined; text = this.word()) found.push(this.#toNumber(text, what));
    return found;
  }

  /** `key=value`. */
  text(key: string): string | undefined {
    const values = this.list(key);
    if (values === undefined) return undefined;
    const value = values[0];
    if (value === undefined || values.length > 1) this.fail(`${key} takes one value`);
    return value;
  }

  /** `key=(a,b)` or `key=a`. */
  list(key: string): readonly string[] | undefined {
    for (const i of this.#unread) {
      const argument = this.#directive.args[i];
      if (argument?.key !== key || argument.values.length === 0) continue;
      this.#unread.delete(i);
      return argument.values;
    }
    return undefined;
  }

  /** `key=1`. */
  count(key: string): number | undefined {
    const text = this.text(key);
    return text === undefined ? undefined : this.#toNumber(text, key);
  }

  /** `key=(1,2)`. */
  ids(key: string): number[] {
    return (this.list(key) ?? []).map((text) => this.#toNumber(text, key));
  }

  /** `key=true`. */
  flag(key: string): boolean | undefined {
    const text = this.text(key);
    if (text === undefined) return undefined;
    if (text !== 'true' && text !== 'false') this.fail(`${key} is true or false`);
    return text === 'true';
  }

  /** `key=choice`. */
  choice<T extends string>(key: string, choices: readonly T[]): T | undefined {
    const text = this.text(key);
    if (text === undefined) return undefined;
    const found = choices.find((choice) => choice === text);
    if (found === undefined) this.fail(`${key} is one of ${choices.join(', ')}`);
    return found;
  }

  /** Fails when something was not read. */
  done(): void {
    for (const i of this.#unread) this.fail(`unknown argument '${this.#directive.args[i]?.key}'`);
  }

  #toNumber(text: string, what: string): number {
    const value = Number(text);
    if (!/^\d+$/.test(text) || !Number.isSafeInteger(value)) this.fail(`${what} is no whole number: '${text}'`);
    return value;
  }
}
