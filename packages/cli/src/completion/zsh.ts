import { type CompletionCommand, type CompletionFlag, lookupCommand, type ValueSource } from './tree.ts';

/** Text within single quotes of an `_arguments` specification. */
function quoted(text: string): string {
  return text.replaceAll("'", "'\\''").replaceAll(/[[\]:\\]/g, (character) => `\\${character}`);
}

function values(choices: readonly string[], source: ValueSource | undefined): string {
  if (choices.length > 0) return `(${choices.join(' ')})`;
  if (source === 'file') return '_files';
  if (source === 'directory') return '_files -/';
  return source === undefined ? ' ' : `_n3xctl_${source}s`;
}

function flagSpecs(flag: CompletionFlag): string[] {
  const value = flag.takesValue ? `:value:${values(flag.choices, flag.source)}` : '';
  const names = flag.short === undefined ? [flag.long] : [flag.long, flag.short];
  return names.map((name) => `'*${name}[${quoted(flag.description)}]${value}'`);
}

function functionName(path: readonly string[]): string {
  return ['_n3xctl', ...path].join('_').replaceAll('-', '_');
}

function commandFunction(command: CompletionCommand, globals: readonly CompletionFlag[]): string {
  const flags = command.path.length === 0 ? command.flags : [...command.flags, ...globals];
  const seen = new Set<string>();
  const own = flags.filter((flag) => !seen.has(flag.long) && seen.add(flag.long)).flatMap(flagSpecs);
  const specs = (more: readonly string[]) => [...own, ...more].map((spec) => `    ${spec}`).join(' \\\n');
  if (command.children.length === 0) {
    const argument = `'1:${command.choices.length > 0 ? 'choice' : (command.source ?? 'argument')}:${values(command.choices, command.source)}'`;
    return `${functionName(command.path)}() {\n  _arguments \\\n${specs([argument])}\n}`;
  }
  const children = command.children.map((child) => `    '${child.name}:${quoted(child.description)}'`).join('\n');
  const cases = command.children.map((child) => `    ${child.name}) ${functionName([...command.path, child.name])} ;;`);
  return `${functionName(command.path)}() {
  local curcontext=$curcontext state line
  local -a verbs=(
${children}
  )
  _arguments -C \\
${specs(["'1: :->verb'", "'*:: :->rest'"])}
  case $state in
    verb) _describe -t commands command verbs ;;
    rest) case $line[1] in
${cases.join('\n')}
    esac ;;
  esac
}`;
}

/** The completion script for zsh. */
export function zshScript(tree: readonly CompletionCommand[]): string {
  const globals = tree[0]?.flags ?? [];
  const lookups = (['vm', 'host', 'token', 'lock', 'network', 'project', 'volume'] as const).map((source) => {
    return `_n3xctl_${source}s() { local -a names=(\${(f)"$(${lookupCommand(source)})"}); compadd -a names }`;
  });
  const functions = tree.toReversed().map((command) => commandFunction(command, globals));
  return `#compdef n3xctl
# Completion of n3xctl for zsh. Load it with: source <(n3xctl completion zsh)
${lookups.join('\n')}
${functions.join('\n')}
if [[ $funcstack[1] == _n3xctl ]]; then _n3xctl "$@"; else compdef _n3xctl n3xctl; fi
`;
}
