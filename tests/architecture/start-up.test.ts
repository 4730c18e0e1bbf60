/** What n3xctl loads before it does anything. Schemas alone would double the time of a short command. */
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import t from 'tap';

const CLI = new URL('../../packages/cli/src/', import.meta.url);

/** Everything that is loaded with a module, without what it loads later, when it needs it. */
async function loadedWith(path: string): Promise<ReadonlyMap<string, string>> {
  const entry = fileURLToPath(new URL(path, CLI));
  const { metafile } = await build({
    ...{ entryPoints: [entry], bundle: true, splitting: true, outdir: 'unused', platform: 'node', format: 'esm' },
    ...{ metafile: true, write: false, logLevel: 'silent' },
  });
  const first = Object.keys(metafile.inputs).find((input) => entry.endsWith(input.replace(/^(\.\.\/)*/, '')));
  const from = new Map([[first ?? path, '']]);
  for (const input of from.keys()) {
    for (const { path: next, kind, external } of metafile.inputs[input]?.imports ?? []) {
      if (kind !== 'dynamic-import' && external !== true && !from.has(next)) from.set(next, input);
    }
  }
  return from;
}

/** How a module came to be loaded, from itself to the program. */
function chain(from: ReadonlyMap<string, string>, input: string): string {
  const via = from.get(input) ?? '';
  return via === '' ? input : `${input}, imported by ${chain(from, via)}`;
}

const SHORT = [
  'main',
  ...['version', 'vm-list', 'vm-show', 'vm-power', 'vm-create', 'host'].map((verb) => `commands/${verb}`),
];

for (const name of SHORT) {
  t.test(`${name} loads no schemas`, async (t) => {
    const from = await loadedWith(`${name}.ts`);
    t.ok(from.size > 1, 'it was followed');
    t.same(
      [...from.keys()].filter((input) => /\/zod\/index\.js$/.test(input)).map((input) => chain(from, input)),
      [],
    );
  });
}
