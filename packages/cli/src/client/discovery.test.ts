import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { scratchDirectory } from '../testing/api-double.ts';
import { discoverSockets } from './discovery.ts';

function place(directory: string, sockets: unknown): void {
  mkdirSync(join(directory, '.n3x'), { recursive: true });
  writeFileSync(join(directory, '.n3x', 'dev-cluster.json'), JSON.stringify({ sockets }));
}

t.test('what the user names comes first, then the development cluster, then the system', async (t) => {
  const root = scratchDirectory(t);
  const work = join(root, 'work', 'deep');
  const own = join(root, 'repository', 'packages');
  mkdirSync(work, { recursive: true });
  mkdirSync(own, { recursive: true });
  const [a, b, system] = [join(root, 'a.sock'), join(root, 'b.sock'), join(root, 'n3xd.sock')];
  const input = { socket: undefined, environment: undefined, cwd: work, ownDirectory: own, systemSocket: system };
  t.throws(() => discoverSockets(input), { name: 'ConnectionError', message: /no n3xd found/, hint: /npm start/ });
  writeFileSync(system, '');
  t.same(discoverSockets(input), [system]);
  writeFileSync(b, '');
  place(join(root, 'repository'), [a, b]);
  t.same(discoverSockets(input), [b], 'those of the repository that exist');
  writeFileSync(a, '');
  place(join(root, 'work'), [a]);
  t.same(discoverSockets(input), [a], 'nearer to the working directory');
  t.same(discoverSockets({ ...input, environment: '/e.sock' }), ['/e.sock']);
  t.same(discoverSockets({ ...input, environment: '' }), [a]);
  t.same(discoverSockets({ ...input, environment: '/e.sock', socket: 'x.sock' }), [join(work, 'x.sock')]);
  place(join(root, 'work'), 'a');
  t.throws(() => discoverSockets(input), { name: 'UsageError', message: /holds no list "sockets"/ });
  writeFileSync(join(root, 'work', '.n3x', 'dev-cluster.json'), '{');
  t.throws(() => discoverSockets(input), { name: 'UsageError', message: /^cannot read .*dev-cluster.json/ });
});
