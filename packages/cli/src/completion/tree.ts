/** The command tree as completion scripts need it. */
import type { Command, Option } from 'commander';

/** What stands for a value that a script can look up while completing. */
export type ValueSource = 'vm' | 'host' | 'token' | 'lock' | 'network' | 'project' | 'volume' | 'file' | 'directory';

/** One flag. */
export interface CompletionFlag {
  readonly long: string;
  readonly short: string | undefined;
  readonly description: string;
  readonly takesValue: boolean;
  readonly choices: readonly string[];
  readonly source: ValueSource | undefined;
}

/** One verb or noun. */
export interface CompletionCommand {
  /** Words from the program's name on, without it; empty for the program itself. */
  readonly path: readonly string[];
  readonly description: string;
  readonly flags: readonly CompletionFlag[];
  /** Names and descriptions of what may follow. */
  readonly children: readonly { readonly name: string; readonly description: string }[];
  /** What the first argument may be. */
  readonly choices: readonly string[];
  readonly source: ValueSource | undefined;
}

const FLAG_SOURCES: Readonly<Record<string, ValueSource>> = {
  '--socket': 'file',
  '--flake': 'directory',
  '--module': 'file',
  '--nixpkgs': 'directory',
  '--microvm': 'directory',
  '--host': 'host',
  '--network': 'network',
  '--project': 'project',
};

function describeFlag(option: Option): CompletionFlag {
  const long = option.long ?? option.flags;
  return {
    long,
    short: option.short,
    description: option.description,
    takesValue: option.required || option.optional,
    choices: option.argChoices ?? [],
    source: FLAG_SOURCES[long],
  };
}

function argumentSource(path: readonly string[]): ValueSource | undefined {
  const [noun, verb] = path;
  if (noun === 'vm' && verb !== 'create') return 'vm';
  if (noun === 'host') return 'host';
  if (noun === 'token') return 'token';
  if (noun === 'lock') return 'lock';
  if (noun === 'network' && verb !== 'create') return 'network';
  if (noun === 'project' && verb !== 'create') return 'project';
  if (noun === 'volume') return verb === 'create' ? 'vm' : 'volume';
  if (noun === 'cluster' && verb === 'leave') return 'host';
  return undefined;
}

/** Every command of the program, parents before children. */
export function describeTree(program: Command): readonly CompletionCommand[] {
  const found: CompletionCommand[] = [];
  const visit = (command: Command, path: readonly string[]) => {
    const argument = command.registeredArguments[0];
    found.push({
      path,
      description: command.description(),
      flags: [...command.options.map(describeFlag), HELP_FLAG],
      children: command.commands.map((child) => ({ name: child.name(), description: child.description() })),
      choices: argument?.argChoices ?? [],
      source: argument === undefined ? undefined : argumentSource(path),
    });
    for (const child of command.commands) visit(child, [...path, child.name()]);
  };
  visit(program, []);
  return found;
}

const HELP_FLAG: CompletionFlag = {
  long: '--help',
  short: '-h',
  description: 'display help',
  takesValue: false,
  choices: [],
  source: undefined,
};

/** The shell command that lists names of a kind, one a line; quiet when no n3xd answers. */
export function lookupCommand(source: 'vm' | 'host' | 'token' | 'lock' | 'network' | 'project' | 'volume'): string {
  const all = source === 'vm' ? ' --all-projects' : '';
  return `n3xctl ${source} list${all} --stale --quiet --timeout 2s 2>/dev/null`;
}
