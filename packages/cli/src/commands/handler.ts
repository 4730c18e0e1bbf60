import type { Command, OptionValues } from 'commander';
import { Context, type GlobalOptions } from '../context.ts';
import type { Terminal } from '../output/terminal.ts';

/** What a verb does. Arguments come in the order of the command line, flags by name. */
export type Handler<T> = (context: Context, args: readonly string[], options: T) => Promise<void>;

/** Attaches a handler that is loaded only when its verb runs, so that start-up stays short. */
export function handle<T extends OptionValues>(
  command: Command,
  terminal: Terminal,
  load: () => Promise<Handler<T>>,
): Command {
  return command.action(async () => {
    const run = await load();
    const context = new Context(terminal, command.optsWithGlobals<GlobalOptions>());
    await run(context, command.args, command.opts<T>());
  });
}

/** For flags that may be given several times: collects their values in order. */
export function collect(value: string, earlier: readonly string[] | undefined): readonly string[] {
  return [...(earlier ?? []), value];
}
