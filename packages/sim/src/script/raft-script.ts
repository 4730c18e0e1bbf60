/** Runs a Raft script in an environment of its own. */
import { Arguments } from './arguments.ts';
import { type Directive, parseDirective, runScript } from './datadriven.ts';
import { Environment } from './environment.ts';
import { DRIVER_VERBS } from './verbs-driver.ts';
import { FAULT_VERBS } from './verbs-faults.ts';
import { RAFT_VERBS, type Verb } from './verbs-raft.ts';

const VERBS = new Map<string, Verb>(Object.entries({ ...RAFT_VERBS, ...FAULT_VERBS, ...DRIVER_VERBS }));

/** The one command whose input is its own; for the others each line of input is one more command. */
const TAKES_INPUT = 'propose-conf-change';

/** Handles the directives of one script. What a command throws, other than for its form, is part of its output. */
export function raftHandler(env: Environment = new Environment()): (directive: Directive) => string {
  return (directive) => {
    const more = directive.command === TAKES_INPUT ? [] : directive.input.split('\n').filter((line) => line !== '');
    run(env, directive);
    for (const line of more) {
      run(env, { ...parseDirective(line, directive.position), input: '', position: directive.position });
    }
    return env.output.take();
  };
}

function run(env: Environment, directive: Directive): void {
  const args = new Arguments(directive);
  const verb = VERBS.get(directive.command) ?? args.fail('unknown command');
  try {
    verb(env, args, directive.input);
  } catch (error) {
    if (!(error instanceof Error) || error.name === 'ScriptError') throw error;
    env.output.error(`error: ${error.message}`);
  }
  args.done();
}

/** Runs the script `text`; see {@link runScript}. */
export function runRaftScript(path: string, text: string, options: { readonly rewrite: boolean }): string {
  return runScript(path, text, raftHandler(), options);
}
