import { type CompletionCommand, type CompletionFlag, lookupCommand, type ValueSource } from './tree.ts';

function values(choices: readonly string[], source: ValueSource | undefined): string | undefined {
  if (choices.length > 0) return `COMPREPLY=($(compgen -W '${choices.join(' ')}' -- "$cur"))`;
  if (source === 'file') return 'COMPREPLY=($(compgen -f -- "$cur"))';
  if (source === 'directory') return 'COMPREPLY=($(compgen -d -- "$cur"))';
  if (source !== undefined) return `COMPREPLY=($(compgen -W "$(${lookupCommand(source)})" -- "$cur"))`;
  return undefined;
}

function flagNames(flag: CompletionFlag): string[] {
  return flag.short === undefined ? [flag.long] : [flag.long, flag.short];
}

/** The completion script for bash. */
export function bashScript(tree: readonly CompletionCommand[]): string {
  const root = tree[0];
  const globals = root?.flags ?? [];
  const withValue = new Map<string, string>();
  for (const command of tree) {
    for (const flag of command.flags) {
      if (!flag.takesValue) continue;
      // A flag means the same under every verb, so its name alone decides; --host and --name do not clash.
      const completion = values(flag.choices, flag.source) ?? 'COMPREPLY=()';
      for (const name of flagNames(flag)) if (!withValue.has(name)) withValue.set(name, completion);
    }
  }
  const valueCases = [...withValue].map(([name, action]) => `    ${name}) ${action}; return ;;`);
  const verbCases = tree.map((command) => {
    const words = command.children.map((child) => child.name);
    const arguments_ = words.length > 0 ? values(words, undefined) : values(command.choices, command.source);
    const flags = [...new Set([...command.flags, ...globals].flatMap((flag) => [flag.long]))];
    return [
      `    '${command.path.join(' ')}')`,
      `      if [[ $cur == -* ]]; then COMPREPLY=($(compgen -W '${flags.join(' ')}' -- "$cur"))`,
      `      else ${arguments_ ?? 'COMPREPLY=()'}; fi ;;`,
    ].join('\n');
  });
  const nouns = tree.filter((command) => command.path.length === 1 && command.children.length > 0);
  return `# Completion of n3xctl for bash. Load it with: source <(n3xctl completion bash)
_n3xctl() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} path='' skip='' word
  COMPREPLY=()
  case $prev in
${valueCases.join('\n')}
  esac
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    if [[ -n $skip ]]; then skip=''; continue; fi
    case $word in
      ${[...withValue.keys()].join('|')}) skip=1 ;;
      -*) ;;
      *)
        case $path in
          '') path=$word ;;
          ${nouns.map((noun) => `'${noun.path[0]}'`).join('|')}) path="$path $word" ;;
        esac ;;
    esac
  done
  case $path in
${verbCases.join('\n')}
  esac
}
complete -F _n3xctl n3xctl
`;
}
