import { inflateRawSync } from 'node:zlib';
import t from 'tap';
import { storyOf } from '../commands/explain.ts';
import { fixRequest, resolveRequest } from '../commands/run-options.ts';
import { simulate } from '../simulator.ts';
import { Finder } from './page/find.ts';
import { decodeRun, type RecordedRun } from './page/recording.ts';
import { RunModel } from './page/run-model.ts';
import { lengthText } from './page/texts.ts';
import { pageOfRun } from './page-of-run.ts';
import { pageScript } from './page-script.ts';
import { RunRecorder } from './recorder.ts';

const REQUEST = fixRequest({
  ...{ seed: 3, hosts: 5, durationMs: 15_000, profile: 'hostile', workload: 'writes' },
  planted: 'tail-lost-at-restart',
});

const recorder = new RunRecorder();
const result = simulate({ ...resolveRequest(REQUEST), onEvent: recorder.take, onSecond: recorder.look });
const story = storyOf(REQUEST);
const page = pageOfRun({ request: REQUEST }, result, recorder, 'n3x-sim replay <again> & "more"', story);

function dataOf(html: string): RecordedRun {
  const data = /<script type="text\/plain" id="data">([^<]*)<\/script>/.exec(html)?.[1] ?? '';
  return decodeRun(inflateRawSync(Buffer.from(data, 'base64')));
}

t.test('the page needs nothing but itself', async (t) => {
  t.notMatch(page, /https?:\/\//i);
  t.notMatch(page, /\b(src|href)\s*=|@import|url\(|\bfetch\(|XMLHttpRequest|\bimport\(/);
  t.match(page, /Content-Security-Policy" content="default-src 'none'/, 'and the browser is told so');
  t.notMatch(page, /<!-- \w+ -->/, 'every place is filled');
  t.match(page, /^<!doctype html>\n<html lang="en">/);
});

t.test('the script of the page is one that a browser can read', async (t) => {
  const script = pageScript();
  t.doesNotThrow(() => new Function(`"use strict"; return async () => {${script}};`));
  t.notMatch(script, /^\s*(import|export) /m);
  t.ok(page.includes('start();\n</script>'));
});

t.test('what is in the page is what happened in the run', async (t) => {
  const { recording, tables } = dataOf(page);
  t.equal(recording.verdict?.rule, result.violation?.rule);
  t.equal(recording.endUs, Math.round(result.virtualMs * 1_000));
  t.same(recording.hosts, ['n1', 'n2', 'n3', 'n4', 'n5']);
  t.equal(recording.messages.kept, recording.messages.all, 'a short run is there as a whole');
  t.equal(tables.messages.sent.length, recording.messages.kept);
  t.ok(
    tables.messages.sent.every((at, row, all) => at >= (all[row - 1] ?? 0)),
    'ordered by time',
  );
  const arrived = tables.messages.fate.filter((fate) => fate === 0).length;
  const { messages = 0 } = result.counts;
  t.ok(arrived > 0.9 * messages && arrived <= messages, `${arrived} of ${messages} delivered`);
  const sum = tables.density.count.reduce((total, count) => total + count, 0);
  const doubles = tables.messages.fate.filter((fate) => fate === 3).length;
  t.equal(sum, recording.messages.all - doubles, 'every message is counted once');
  t.equal(tables.operations.from.length, result.counts['operations']);
  t.match(
    recording.verdict?.sections.map(({ title }) => title),
    ['What should hold', 'What this means'],
  );
});

t.test('a run is drawn as spans: one role at a time, one leader per term', async (t) => {
  const model = new RunModel(dataOf(page));
  for (const spans of model.roles) {
    t.ok(spans.length > 0);
    t.ok(spans.every((span, at) => span.until > span.from && span.from >= (spans[at - 1]?.until ?? 0)));
  }
  const terms = model.leaders.map(({ term }) => term);
  t.equal(new Set(terms).size, terms.length);
  const [first, end] = model.messagesBetween(1_000_000, 1_200_000);
  const { sent } = model.tables.messages;
  sent.forEach((at, row) => {
    const isSeen = at < 1_200_000 && model.arrival(row) >= 1_000_000;
    if (isSeen && (row < first || row >= end)) t.fail(`message ${row} is in view and not found`);
  });
  const leader = model.leaders[0];
  t.equal(model.roleAt(leader?.host ?? 0, (leader?.from ?? 0) + 1)?.term, leader?.term);
});

t.test('what happened is found by its words', async (t) => {
  const finder = new Finder(new RunModel(dataOf(page)));
  t.equal(finder.next('no such words', 0, true), undefined);
  t.equal(finder.note, 'nothing found');
  const first = finder.next(' Fault: POWER', 0, true);
  t.match(first?.text, /^fault: power n\d/);
  const count = Number(/^1 of (\d+)$/.exec(finder.note)?.[1]);
  t.ok(count > 1, finder.note);
  const second = finder.next('fault: power', 0, true);
  t.ok((second?.at ?? 0) >= (first?.at ?? 0), 'in the order of time');
  t.equal(finder.next('fault: power', 0, false), first, 'and back');
  finder.next('fault: power', 0, false);
  t.equal(finder.note, `${count} of ${count}`, 'before the first is the last');
  t.match(finder.next('MsgAppResp term', 2_000_000, true)?.text, /^n\d → n\d MsgAppResp term /, 'messages too');
  t.ok((finder.current?.at ?? 0) >= 2_000_000, 'from what is in view on');
  t.equal(finder.next('', 0, true), undefined);
  t.equal(finder.note, '');
});

t.test('lengths of time carry over', async (t) => {
  t.same([599_700_000, 59_600_000, 61_000_000].map(lengthText), ['10 min 0 s', '1 min 0 s', '1 min 1 s']);
});
