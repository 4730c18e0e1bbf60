import t from 'tap';
import { type FileResult, TapReader } from './tap-reader.ts';

function read(text: string): { passed: number; failed: number; files: FileResult[] } {
  const files: FileResult[] = [];
  const reader = new TapReader((file) => files.push(file));
  for (const line of text.split('\n')) reader.line(line);
  return { passed: reader.passed, failed: reader.failed, files };
}

t.test('leaf points are counted, subtests are not', async (t) => {
  const { passed, failed, files } = read(`TAP version 14
1..1
# Subtest: a.test.ts
    # Subtest: one
        ok 1 - x
        # Subtest: deeper
            ok 1 - y
            1..1
        ok 2 - deeper # time=1ms
        1..2
    ok 1 - one # time=2ms
    ok 2 - z
    1..2
ok 1 - a.test.ts # time=13.6ms
`);
  t.same([passed, failed], [3, 0]);
  t.match(files, [{ name: 'a.test.ts', passed: 3, failed: 0, time: '13.6ms' }]);
});

t.test('what a diagnostic quotes is not a point', async (t) => {
  const { passed, failed } = read(`# Subtest: a.test.ts
    not ok 1 - differs
      ---
      diff: |
        ok 1 - quoted
        not ok 2 - quoted
      ...
    1..1
not ok 1 - a.test.ts # time=1ms
`);
  t.same([passed, failed], [0, 1]);
});

t.test('whatever proves nothing is a failure', async (t) => {
  for (const [what, text] of [
    ['a skipped point', '    ok 1 - x # SKIP later\nok 1 - a.test.ts'],
    ['an unfinished point', '    not ok 1 - x # TODO later\nok 1 - a.test.ts'],
    ['a file without points', 'ok 1 - a.test.ts # SKIP no tests found'],
    ['a file that says nothing', 'ok 1 - a.test.ts'],
    ['a failed file', 'not ok 1 - a.test.ts'],
    ['a bail-out', '    ok 1 - x\nBail out! no'],
  ] as const) {
    t.equal(read(text).failed, 1, what);
  }
});

t.test('a subtest that fails as a whole counts once', async (t) => {
  const { passed, failed } = read(`    # Subtest: plan
        ok 1 - x
        1..2
    not ok 1 - plan # time=1ms
    1..1
not ok 1 - a.test.ts # time=1ms
`);
  t.same([passed, failed], [1, 1]);
});
