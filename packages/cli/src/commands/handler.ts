import type { Command, OptionValues } from 'commander';
import { vmNameIn } from '../arguments/project-name.ts';
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
    await run(context, argumentsOf(command, context), command.opts<T>());
  });
}

/** The arguments as the API takes them: a VM that is named without its project is one of the project that is meant. */
function argumentsOf(command: Command, { project }: Context): readonly string[] {
  const [first, ...rest] = command.args;
  if (first === undefined || command.parent?.name() !== 'vm') return command.args;
  return [vmNameIn(project, first), ...rest];
}

/** For flags that may be given several times: collects their values in order. */
export function collect(value: string, earlier: readonly string[] | undefined): readonly string[] {
  return [...(earlier ?? []), value];
}
