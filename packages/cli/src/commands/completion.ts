import type { Command } from 'commander';
import { parseChoice } from '../arguments/choices.ts';
import { bashScript } from '../completion/bash.ts';
import { fishScript } from '../completion/fish.ts';
import { SHELLS } from '../completion/shells.ts';
import { describeTree } from '../completion/tree.ts';
import { zshScript } from '../completion/zsh.ts';
import type { Handler } from './handler.ts';

const SCRIPTS = { bash: bashScript, zsh: zshScript, fish: fishScript } as const;

/** `completion SHELL`, made from the commands of `program`. */
export function completion(program: Command): Handler<Record<string, never>> {
  return async (context, args) => {
    context.write(SCRIPTS[parseChoice('shell', args[0] ?? '', SHELLS)](describeTree(program)));
  };
}
