/** Runs a Raft script in an environment of its own. */
import { Arguments } from './arguments.ts';
import { type Directive, runScript } from './datadriven.ts';
import { Environment } from './environment.ts';
import { FAULT_VERBS } from './verbs-faults.ts';
import { RAFT_VERBS, type Verb } from './verbs-raft.ts';

const VERBS = new Map<string, Verb>(Object.entries({ ...RAFT_VERBS, ...FAULT_VERBS }));

/** Handles the directives of one script. What a command throws, other than for its form, is part of its output. */
export function raftHandler(env: Environment = new Environment()): (directive: Directive) => string {
  return (directive) => {
    const args = new Arguments(directive);
    const verb = VERBS.get(directive.command) ?? args.fail('unknown command');
    try {
      verb(env, args, directive.input);
    } catch (error) {
      if (!(error instanceof Error) || error.name === 'ScriptError') throw error;
      env.output.error(`error: ${error.message}`);
    }
    args.done();
    return env.output.take();
  };
}

/** Runs the script `text`; see {@link runScript}. */
export function runRaftScript(path: string, text: string, options: { readonly rewrite: boolean }): string {
  return runScript(path, text, raftHandler(), options);
}
