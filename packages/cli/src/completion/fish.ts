import { type CompletionCommand, type CompletionFlag, lookupCommand, type ValueSource } from './tree.ts';

function quoted(text: string): string {
  return `'${text.replaceAll(/['\\]/g, (character) => `\\${character}`)}'`;
}

function values(choices: readonly string[], source: ValueSource | undefined): string | undefined {
  if (choices.length > 0) return `-a ${quoted(choices.join(' '))}`;
  if (source === 'file' || source === 'directory') return '-F';
  return source === undefined ? undefined : `-a ${quoted(`(${lookupCommand(source)})`)}`;
}

function flagLine(condition: string, flag: CompletionFlag): string {
  const names = `-l ${flag.long.replace(/^--/, '')}${flag.short === undefined ? '' : ` -s ${flag.short.slice(1)}`}`;
  const value = flag.takesValue ? ` -r ${values(flag.choices, flag.source) ?? ''}`.trimEnd() : '';
  return `complete -c n3xctl${condition} ${names}${value} -d ${quoted(flag.description)}`;
}

/** The completion script for fish. */
export function fishScript(tree: readonly CompletionCommand[]): string {
  const lines: string[] = [];
  for (const command of tree) {
    const condition = command.path.length === 0 ? '' : ` -n ${quoted(`__n3xctl_at ${command.path.join(' ')}`)}`;
    const here = ` -n ${quoted(command.path.length === 0 ? '__n3xctl_is' : `__n3xctl_is ${command.path.join(' ')}`)}`;
    for (const child of command.children) {
      lines.push(`complete -c n3xctl${here} -a ${child.name} -d ${quoted(child.description)}`);
    }
    const argument = command.children.length > 0 ? undefined : values(command.choices, command.source);
    if (argument !== undefined) lines.push(`complete -c n3xctl${condition} ${argument}`);
    for (const flag of command.flags) {
      if (command.path.length > 0 && flag.long === '--help') continue;
      lines.push(flagLine(condition, flag));
    }
  }
  return `# Completion of n3xctl for fish. Load it with: n3xctl completion fish | source
function __n3xctl_words
    # Words typed so far that are no flags, without the program's name.
    string match -v -- '-*' (commandline -opc)[2..-1]
end
function __n3xctl_at
    set -l words (__n3xctl_words)
    test (count $words) -ge (count $argv); and test "$words[1..(count $argv)]" = "$argv"
end
function __n3xctl_is
    set -l words (__n3xctl_words)
    test "$words" = "$argv"
end
complete -c n3xctl -f
${lines.join('\n')}
`;
}
