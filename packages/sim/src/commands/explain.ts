/** The verb `explain`: a run that breaks a rule, told as a story. */
import { describeStory, type Story, StoryTeller } from '../explain/story.ts';
import { simulate } from '../simulator.ts';
import type { GivenCase, OneRunFlags } from './flags.ts';
import { EXIT, type ProgramOutput } from './program-output.ts';
import { type FixedRequest, resolveRequest } from './run-options.ts';

/** The story of the rule that a run breaks; undefined when it passes. Runs it twice: to find the moment, and to tell it. */
export function storyOf(request: FixedRequest): Story | undefined {
  const { violation } = simulate(resolveRequest(request));
  if (violation === undefined) return undefined;
  const teller = new StoryTeller(violation);
  simulate({ ...resolveRequest(request), onEvent: teller.take });
  return teller.story();
}

/** Tells what a run broke and how it came to that. */
export function runExplain({ request }: GivenCase, flags: OneRunFlags, { out }: ProgramOutput): number {
  const story = storyOf(request);
  const { seed, hosts, profile, workload, planted } = request;
  if (flags.json === true) {
    out(JSON.stringify(story === undefined ? { verdict: 'passed' } : { verdict: 'violated', seed, ...story }));
  } else if (story === undefined) out(`seed ${seed} passes: nothing to explain`);
  else {
    const bug = planted === undefined ? '' : `, planted bug ${planted}`;
    out(`seed ${seed}: ${hosts} hosts, profile ${profile}, workload ${workload}${bug}\n${describeStory(story)}`);
  }
  return story === undefined ? EXIT.passed : EXIT.violated;
}
