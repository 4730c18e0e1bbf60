import fc from 'fast-check';
import t from 'tap';
import { Arguments } from './arguments.ts';
import { type Directive, parseDirective, runScript } from './datadriven.ts';
import { raftHandler, runRaftScript } from './raft-script.ts';

const echo = (output: string) => () => output;

t.test('arguments are words, pairs and lists', (t) => {
  t.same(parseDirective('add-nodes 3 voters=(1, 2,3) index=10 empty=()', 'x:1'), {
    command: 'add-nodes',
    args: [
      { key: '3', values: [] },
      { key: 'voters', values: ['1', '2', '3'] },
      { key: 'index', values: ['10'] },
      { key: 'empty', values: [] },
    ],
  });
  t.end();
});

t.test('a script that expects what it gets is written back byte for byte', (t) => {
  const word = fc.stringMatching(/^[a-z0-9]{1,6}$/);
  const block = fc.record({
    comment: fc.boolean(),
    input: fc.array(word, { maxLength: 2 }),
    output: fc.array(word, { minLength: 1, maxLength: 3 }),
  });
  fc.assert(
    fc.property(fc.array(block, { maxLength: 8 }), (blocks) => {
      const outputs: string[] = [];
      const text = blocks
        .map(({ comment, input, output }) => {
          outputs.push(output.join('\n'));
          return [...(comment ? ['# why'] : []), 'cmd 1 key=v', ...input, '----', ...output, '', ''].join('\n');
        })
        .join('');
      const handle = (): string => outputs.shift() ?? '';
      return runScript('x', text, handle, { rewrite: false }) === text;
    }),
  );
  t.end();
});

t.test('a difference is shown with its place, and rewriting puts the actual output in', (t) => {
  const text = '# story\ncmd\n----\na\nb\nc\n\ncmd\n----\nok\n';
  t.throws(() => runScript('f', text, echo('a\nX\nc'), { rewrite: false }), { message: 'f:2: cmd\n a\n-b\n+X' });
  t.equal(runScript('f', text, echo(''), { rewrite: true }), '# story\ncmd\n----\nok\n\ncmd\n----\nok\n');
  t.end();
});

t.test('a directive may span lines and carry input', (t) => {
  const seen: Directive[] = [];
  const handle = (d: Directive): string => {
    seen.push(d);
    return '';
  };
  runScript('f', 'cmd \\\n  one \\\n  two=2\nin put\n----\nok\n', handle, { rewrite: false });
  t.match(seen, [{ command: 'cmd', args: [{ key: 'one' }, { key: 'two', values: ['2'] }], input: 'in put' }]);
  t.end();
});

t.test('mistakes in a script fail the test', (t) => {
  const run = (text: string) => () => runRaftScript('f', text, { rewrite: true });
  t.throws(run('campaign 1\n'), { message: /no ----/ });
  t.throws(run('campagin 1\n----\n'), { message: /unknown command/ });
  t.throws(run('add-nodes 1 voter=(1) index=2\n----\n'), { message: /unknown argument 'voter'/ });
  t.throws(run('add-nodes 1 voters=(1)\n----\n'), { message: /need an index/ });
  t.throws(run('add-nodes x\n----\n'), { message: /no whole number/ });
  t.throws(() => runScript('f', 'x\n----\n', echo('a\n\nb'), { rewrite: true }), { message: /blank line/ });
  t.end();
});

t.test('what a node refuses is part of the output', (t) => {
  const handle = raftHandler();
  const call = (line: string): string => handle({ ...parseDirective(line, 'f:1'), input: '', position: 'f:1' });
  t.equal(call('add-nodes 1 voters=(1) index=2'), '');
  t.equal(call('campaign 2'), 'error: there is no node 2');
  t.equal(call('propose 1 x'), 'dropped: noLeader');
  t.end();
});

t.test('one block may hold several commands', (t) => {
  const text =
    'add-nodes 1 voters=(1) index=2\ncampaign 1\nstabilize log-level=none\nraft-state\n----\n1: StateLeader (Voter) Term:1 Lead:1\n';
  t.equal(runRaftScript('f', text, { rewrite: false }), text);
  t.throws(() => runRaftScript('f', 'raft-state\nnonsense\n----\n', { rewrite: true }), { message: /unknown command/ });
  t.end();
});

t.test('arguments are consumed by kind', (t) => {
  const args = new Arguments({ ...parseDirective('c 1 2 a=(3,4) b=true', 'f:1'), input: '', position: 'f:1' });
  t.same(args.numbers('n'), [1, 2]);
  t.same(args.ids('a'), [3, 4]);
  t.equal(args.flag('b'), true);
  t.equal(args.text('missing'), undefined);
  args.done();
  t.end();
});
