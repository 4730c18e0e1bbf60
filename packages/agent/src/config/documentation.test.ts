import { readFile } from 'node:fs/promises';
import t from 'tap';
import { readConfig } from './load.ts';
import { configKeys } from './schema.ts';

const text = await readFile(new URL('../../../../docs/configuration.md', import.meta.url), 'utf8');
const rows = [...text.matchAll(/^\| `([a-z_.]+)` \| (.+?) \| (reload|restart) \| (.+) \|$/gm)];
const origin = { file: null, base: '/', hostname: 'n1' };

/** A TOML text that sets one key. */
function setting(key: string, value: string): string {
  const [table, name] = key.split('.');
  return name === undefined ? `${key} = ${value}\n` : `[${table}]\n${name} = ${value}\n`;
}

t.test('every key is described, and nothing else is', async (t) => {
  const documented = rows.map((row) => row[1]);
  t.same(
    [...documented].sort(),
    configKeys()
      .map(({ key }) => key)
      .sort(),
  );
});

t.test('defaults and reloading are told as they are', async (t) => {
  const keys = new Map(configKeys().map((entry) => [entry.key, entry]));
  const empty = readConfig('', origin);
  if (!empty.ok) throw new Error('an empty file must be valid');
  for (const [, key = '', fallback = '', effect, meaning = ''] of rows) {
    t.equal(effect === 'reload', keys.get(key)?.reloadable, `${key} takes effect`);
    t.ok(meaning.length > 20, `${key} is described`);
    const written = /^`(.*)`$/.exec(fallback)?.[1];
    t.equal(written === undefined, keys.get(key)?.fallback === undefined, `${key} has a default`);
    if (written === undefined) continue;
    const read = readConfig(setting(key, written), origin);
    t.same(read.ok && read.loaded, empty.loaded, `${key} = ${written} is the default`);
  }
});

t.test('the examples are what they say', async (t) => {
  const example = /```toml\n([\s\S]*?)```/.exec(text)?.[1] ?? '';
  const read = readConfig(example, origin);
  t.match(read, { ok: true, loaded: { config: { name: 'n1', settings: { reserve: { memoryMib: 2048 } } } } });
  const wrong = `${'\n'.repeat(8)}capacity.memory = "12Q"\n${'\n'.repeat(9)}[microvm]\nsupervisr = "auto"\n`;
  const refused = readConfig(wrong, { ...origin, file: '/etc/n3x/n3xd.toml' });
  if (refused.ok) throw new Error('it must be refused');
  for (const problem of refused.problems) t.ok(text.includes(problem), problem);
});
