import { readdir, readFile } from 'node:fs/promises';
import t from 'tap';
import { RULES } from '../commands/list.ts';
import { fixRequest, resolveRequest } from '../commands/run-options.ts';
import { simulate } from '../simulator.ts';
import { MEANINGS } from './meanings.ts';
import { describeStory, type Story, StoryTeller } from './story.ts';

t.test('every rule is explained, and what is explained is a rule', async (t) => {
  t.same(Object.keys(MEANINGS).sort(), Object.keys(RULES).sort());
});

t.test('whatever is thrown as a violation is a rule', async (t) => {
  const sources = new URL('../', import.meta.url);
  const names = new Map<string, string>();
  const thrown = new Set<string>();
  for (const path of await readdir(sources, { recursive: true })) {
    if (!path.endsWith('.ts') || path.endsWith('.test.ts') || path.startsWith('mutations')) continue;
    const text = await readFile(new URL(path, sources), 'utf8');
    for (const [, name = '', rule = ''] of text.matchAll(/^export const ([A-Z_]+) = '([^']+)';/gm))
      names.set(name, rule);
    for (const [, name = ''] of text.matchAll(/new Violation\(\s*([A-Z_]{2,}),/g)) thrown.add(name);
  }
  t.ok(thrown.size > 20, `${thrown.size} are found`);
  t.same(
    [...thrown].filter((name) => RULES[names.get(name) ?? ''] === undefined),
    [],
  );
});

/** The story of the first seed that a planted bug shows in. */
function found(planted: string, workload: string): Story {
  for (let seed = 1; seed <= 60; seed++) {
    const request = fixRequest({ seed, hosts: 5, durationMs: 15_000, profile: 'hostile', workload, planted });
    const { violation } = simulate(resolveRequest(request));
    if (violation === undefined) continue;
    const teller = new StoryTeller(violation);
    simulate({ ...resolveRequest(request), onEvent: teller.take });
    return teller.story();
  }
  throw new Error(`${planted} is not found`);
}

t.test('an election without its votes: who voted twice, and for whom', async (t) => {
  const story = found('grant-every-vote', 'idle');
  t.match(story.rule, /^S1 election-/);
  t.match(story.message, /in term \d+/);
  const text = describeStory(story);
  t.match(text, /^What should hold\n {2}(A leader needs|A host leads once)/m);
  t.match(text, /^ {2}n\d votes in term \d+ for n\d at [\d.]+ s/m);
  t.match(text, /^ {2}n\d leads in term \d+ from/m);
  t.match(text, /[├┤┼]─+[┼▶].*MsgVote term|◀─+.*MsgVoteResp term \d+ yes/, 'the chart has the votes');
  t.match(text, /^n1: (leader|follower|candidate|preCandidate|down)/m, 'every host has a part');
  t.equal(story.hosts.length, 5);
  t.ok(story.hosts.every(({ events }) => events.length <= 10));
  t.ok(story.chart.length <= 61 && story.faults.length <= 15, 'it can be read');
});

t.test('an answer that no order explains: the story is when it was given, not when that was found', async (t) => {
  const story = found('stale-read', 'tokens');
  t.equal(story.rule, 'S2 linearizability');
  const answered = Number(/\[\d+\.\.(\d+) ms\]/.exec(story.message)?.[1]);
  const last = Number(/^\s*([\d.]+)/.exec(story.chart.at(-1) ?? '')?.[1]) * 1_000;
  t.ok(Math.abs(last - answered) < 2, `${last} and ${answered}`);
  const [object = ''] = story.message.split(':');
  t.ok(story.chart.some((line) => line.includes(`read ${object}`)));
});
