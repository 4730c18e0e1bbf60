import fc from 'fast-check';
import t from 'tap';
import { parseDuration, parseSeconds } from './duration.ts';
import { parseLabels } from './labels.ts';
import { parseForward, parseInterface } from './network.ts';
import { parseWholeNumber } from './number.ts';
import { parseProbe } from './probe.ts';
import { parseSize, parseVolume } from './volume.ts';

const usage = { name: 'UsageError' };

t.test('durations', async (t) => {
  for (const [text, ms] of [
    ['500ms', 500],
    ['10s', 10_000],
    ['2m', 120_000],
    ['1h30m', 5_400_000],
    ['1.5s', 1500],
    ['7d', 604_800_000],
    ['15', 15_000],
  ] as const) {
    t.equal(parseDuration('--timeout', text), ms, text);
  }
  for (const text of ['', 'soon', '10', '-1s', '1 s', '1w', '0s', '1000d', '1s2', 's'].filter(
    (text) => text !== '10',
  )) {
    t.throws(() => parseDuration('--timeout', text), { ...usage, message: /^--timeout: ".*for example/ }, text);
  }
  t.equal(parseSeconds('--ttl', '1h'), 3600);
  t.throws(() => parseSeconds('--ttl', '1500ms'), usage);
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 9000 }), fc.integer({ min: 1, max: 59 }), (minutes, seconds) => {
      t.equal(parseDuration('x', `${minutes}m${seconds}s`), (minutes * 60 + seconds) * 1000);
    }),
  );
});

t.test('whole numbers', async (t) => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1024 }), (value) => {
      t.equal(parseWholeNumber('--vcpu', String(value), 1, 1024), value);
    }),
  );
  for (const text of ['', '0', '1025', '1.5', '1e2', '-1', ' 1', '0x10', '9'.repeat(20)]) {
    t.throws(() => parseWholeNumber('--vcpu', text, 1, 1024), usage, text);
  }
});

t.test('sizes and volumes', async (t) => {
  t.equal(parseSize('--memory', '1.5G'), 1536);
  t.throws(() => parseSize('--memory', '12Q'), { message: /^--memory: "12Q" has the unknown unit "Q"/ });
  t.same(parseVolume('data:10G'), { name: 'data', sizeMib: 10_240 });
  t.same(parseVolume('data:512M:/srv:xfs'), { name: 'data', sizeMib: 512, mountPoint: '/srv', fsType: 'xfs' });
  for (const text of [
    '',
    'data',
    'data:',
    ':1G',
    'data:1G:',
    'data:1G:srv',
    'data:1G:/srv:',
    'data:1G:/srv:zfs',
    'a:1G:/b:xfs:',
  ]) {
    t.throws(() => parseVolume(text), usage, text);
  }
});

t.test('interfaces', async (t) => {
  t.same(parseInterface('user'), { type: 'user' });
  t.same(parseInterface('tap'), { type: 'tap' });
  t.same(parseInterface('bridge:br0'), { type: 'bridge', bridge: 'br0' });
  t.same(parseInterface('macvtap:eth0'), { type: 'macvtap', link: 'eth0' });
  t.same(parseInterface('macvtap:eth0:vepa'), { type: 'macvtap', link: 'eth0', mode: 'vepa' });
  for (const text of [
    '',
    'bridge',
    'bridge:',
    'bridge:a:b',
    'user:x',
    'macvtap',
    'macvtap:a:fast',
    'macvtap:a:vepa:b',
    'wifi',
  ]) {
    t.throws(() => parseInterface(text), usage, text);
  }
});

t.test('forwarded ports', async (t) => {
  t.same(parseForward('80'), { guestPort: 80 });
  t.same(parseForward('8080:80'), { hostPort: 8080, guestPort: 80 });
  t.same(parseForward('53/udp'), { protocol: 'udp', guestPort: 53 });
  t.same(parseForward('80/tcp'), { guestPort: 80 });
  const port = fc.integer({ min: 1, max: 65_535 });
  fc.assert(
    fc.property(port, port, (host, guest) => {
      t.same(parseForward(`${host}:${guest}/udp`), { protocol: 'udp', hostPort: host, guestPort: guest });
    }),
  );
  for (const text of ['', '0', '65536', 'a', '80:', ':80', '1:2:3', '80/sctp', '80/', '127.0.0.1:80:80']) {
    t.throws(() => parseForward(text), { ...usage, message: /^--forward: / }, text);
  }
});

t.test('probes', async (t) => {
  const parse = (text: string) => parseProbe('--ready', text);
  t.same(parse('process'), { type: 'process' });
  t.same(parse('notify'), { type: 'notify' });
  t.same(parse('console:^a:b$'), { type: 'console', pattern: '^a:b$' });
  t.same(parse('tcp:22'), { type: 'tcp', port: 22 });
  t.same(parse('http:80'), { type: 'http', port: 80 });
  t.same(parse('http:80/a/b?c'), { type: 'http', port: 80, path: '/a/b?c' });
  t.same(parse('command:pg_isready -h  db'), { type: 'command', argv: ['pg_isready', '-h', 'db'] });
  t.same(parse('command:["sh", "-c", "a b"]'), { type: 'command', argv: ['sh', '-c', 'a b'] });
  for (const text of ['', 'console', 'console:', 'console:(', 'tcp:', 'tcp:ssh', 'http:/up', 'icmp:1', 'process:1']) {
    t.throws(() => parse(text), { ...usage, message: /^--ready: / }, text);
  }
  for (const text of ['command:', 'command: ', 'command:sh -c "a"', 'command:[1]', 'command:[', 'command:["a"']) {
    t.throws(() => parseProbe('--health', text), { ...usage, message: /^--health: / }, text);
  }
});

t.test('labels', async (t) => {
  t.same(parseLabels('--label', ['zone=a', 'note=', 'x=y=z', 'zone=a']), { zone: 'a', note: '', x: 'y=z' });
  t.throws(() => parseLabels('--label', ['zone=a', 'zone=b']), { message: /"zone" is given twice, as "a" and as "b"/ });
  for (const text of ['', 'zone', '=a']) t.throws(() => parseLabels('--label', [text]), usage, text);
});

t.test('no text whatever makes a parser fail in another way', async (t) => {
  const parsers = [
    (text: string) => parseDuration('x', text),
    (text: string) => parseWholeNumber('x', text, 1, 9),
    (text: string) => parseSize('x', text),
    parseVolume,
    parseInterface,
    parseForward,
    (text: string) => parseProbe('x', text),
    (text: string) => parseLabels('x', [text]),
  ];
  fc.assert(
    fc.property(fc.string(), fc.constantFrom(...parsers), (text, parse) => {
      try {
        parse(text);
      } catch (error) {
        return error instanceof Error && error.name === 'UsageError' && !error.message.includes('undefined');
      }
      return true;
    }),
  );
  t.pass();
});
