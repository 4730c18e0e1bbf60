import t from 'tap';
import { scriptOf } from '../shrink/script.ts';
import { simulate } from '../simulator.ts';
import { formatCase, parseCase, traceHeader } from './case-file.ts';
import { fixRequest, resolveRequest } from './run-options.ts';

const REQUEST = fixRequest({ seed: 3, hosts: 3, durationMs: 4_000, profile: 'hostile', workload: 'conditional' });

t.test('what a run did can be written, read and run again as the same run', async (t) => {
  const result = simulate(resolveRequest(REQUEST));
  const request = { ...REQUEST, faults: result.faults, operations: scriptOf(result) };
  t.ok(request.faults.length > 0 && request.operations.length > 10, 'there is something to write');
  const violation = { rule: 'S1', message: 'as an example', atMs: 12.5 };
  const read = parseCase(formatCase({ request, violation }), 'x.json');
  t.same(read, { request, violation });
  t.equal(simulate(resolveRequest(read.request)).digest, result.digest);
});

t.test('a case may leave faults and operations to the seed', async (t) => {
  const request = { ...REQUEST, planted: 'apply-twice', calm: ['links', 'clocks'], membership: false } as const;
  t.same(parseCase(formatCase({ request }), 'x.json'), { request });
  t.match(traceHeader({ request }), /^# n3x-sim trace \{"n3xSimCase":1,"seed":3,/);
});

t.test('what is no case is refused with its file and what is wrong', async (t) => {
  const good = JSON.parse(formatCase({ request: REQUEST }));
  const wrong: [unknown, RegExp][] = [
    [[], /no object/],
    [{ ...good, n3xSimCase: 9 }, /version/],
    [{ ...good, extra: 1 }, /no field extra/],
    [{ ...good, seed: -1 }, /no seed/],
    [{ ...good, hosts: 0 }, /--hosts/],
    [{ ...good, duration: 'long' }, /no duration/],
    [{ ...good, duration: undefined }, /duration is missing/],
    [{ ...good, profile: 'x' }, /no profile x/],
    [{ ...good, workload: 'x' }, /no workload x/],
    [{ ...good, planted: 'x' }, /no planted bug x/],
    [{ ...good, planted: 7 }, /planted is no name/],
    [{ ...good, membership: true }, /only be false/],
    [{ ...good, calm: ['x'] }, /calm takes/],
    [{ ...good, faults: 'x' }, /no list/],
    [{ ...good, faults: ['at 1s nonsense'] }, /no fault/],
    [{ ...good, operations: [7] }, /no object/],
    [{ ...good, operations: [{ at: '1ms', client: 1, id: 'a', type: 'read' }] }, /no read/],
    [{ ...good, operations: [{ client: 1, id: 'a', type: 'read', object: 'vm/a' }] }, /no at, client or id/],
    [
      {
        ...good,
        operations: [{ at: '1ms', client: 1, id: 'a', type: 'write', object: 'vm/a', command: { type: 'x' } }],
      },
      /no write/,
    ],
    [{ ...good, violation: {} }, /violation has no/],
  ];
  for (const [data, message] of wrong) {
    const text = JSON.stringify(data);
    t.throws(() => parseCase(text, 'x.json'), { code: 'N3X_INVALID', message }, text.slice(0, 160));
    t.throws(() => parseCase(text, 'x.json'), { message: /^x\.json: / });
  }
  t.throws(() => parseCase('{', 'x.json'), { code: 'N3X_INVALID', message: /^x\.json: it is no JSON/ });
});
