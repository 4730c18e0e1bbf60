/** Rules of CONTRIBUTING.md that a linter does not know. Each failure names file and line. */
import t from 'tap';
import { read, sources, withoutComments } from './sources.ts';

const FILE_LINES_MAX = 500;

/** `path:line` of every line of `text` that `pattern` matches. */
function hits(path: string, text: string, pattern: RegExp): string[] {
  return text
    .split('\n')
    .flatMap((line, index) => (pattern.test(line) ? [`${path}:${index + 1}: ${line.trim()}`] : []));
}

const isTest = (path: string): boolean => /\.test\.ts$|^tests\/|\/testing\/|\/test-[^/]+\.ts$/.test(path);
const files = sources();

t.test('a file is one thing', async (t) => {
  const long = files.filter((path) => read(path).trimEnd().split('\n').length > FILE_LINES_MAX);
  t.same(long, [], `no file has more than ${FILE_LINES_MAX} lines`);
  // Names under which anything could be put, and so everything ends up.
  const vague = files.filter((path) => /(^|\/)(utils?|helpers?|common|misc|managers?)(\/|\.ts$)/.test(path));
  t.same(vague, [], 'every file is named after what it holds');
});

t.test('core takes time, randomness and work from outside', async (t) => {
  // Globals such as Date and process are the linter's part: it tells them from names of our own.
  const impure = /\bMath\.random|\basync (function|\(|\w+ ?=>)|\bawait |\bglobalThis\b|from 'node:|\bimport\(/;
  const found = files
    .filter((path) => path.startsWith('packages/core/src/') && !isTest(path))
    .flatMap((path) => hits(path, withoutComments(read(path)), impure));
  t.same(found, []);
});

t.test('types are believed, not talked round', async (t) => {
  const ways = /: any\b|<any>|\bas any\b|\bas unknown as\b/;
  const asides = /@ts-(ignore|nocheck|expect-error)|biome-ignore/;
  const found = files
    .filter((path) => path !== 'tests/architecture/rules.test.ts')
    .flatMap((path) => [...hits(path, withoutComments(read(path)), ways), ...hits(path, read(path), asides)]);
  t.same(found, []);
});

t.test('only what Node can strip', async (t) => {
  const found = files.flatMap((path) =>
    hits(
      path,
      withoutComments(read(path)),
      /^\s*(export )?(const )?enum \w|^\s*(export )?namespace \w|constructor\((private|public|readonly) /,
    ),
  );
  t.same(found, []);
});

t.test('no test is switched off', async (t) => {
  const found = files
    .filter((path) => path.endsWith('.test.ts') && path !== 'tests/architecture/rules.test.ts')
    .flatMap((path) =>
      hits(path, withoutComments(read(path)), /\bt\.(skip|todo|only)\b|\b(skip|todo|only): ?(true|['"`])/),
    );
  t.same(found, []);
});

t.test('no error disappears', async (t) => {
  const empty = files.flatMap((path) => {
    const matches = [
      ...withoutComments(read(path)).matchAll(/catch *(\([^)]*\))? *\{\s*\}|\.catch\(\(\) => \{\s*\}\)/g),
    ];
    return matches.map((match) => `${path}: ${match[0]}`);
  });
  t.same(empty, []);
});

t.test('production code has nothing that stands in for the real thing', async (t) => {
  const found = files
    .filter((path) => /^packages\/(core|agent|cli)\/src\//.test(path) && !isTest(path))
    .flatMap((path) =>
      hits(path, withoutComments(read(path)), /\b(TODO|FIXME|XXX|HACK)\b|\bnot (yet )?implemented\b|\bmock|\bstub\b/i),
    );
  t.same(found, []);
});
