import { readFile } from 'node:fs/promises';
import { ROUTES } from '@n3x/core/api/routes';
import { DEFAULT_TIMEOUT_MS, watchLineSchema } from '@n3x/core/api/schemas';
import t from 'tap';
import { TIMEOUT_MS_RANGE } from './request-options.ts';

const text = await readFile(new URL('../../../../docs/api.md', import.meta.url), 'utf8');

t.test('every route is described, and no other', async (t) => {
  const described = [...text.matchAll(/^\| `((?:GET|POST|DELETE) \/\S+)` \|/gm)].map((match) => match[1]);
  t.same(
    described.sort(),
    Object.values(ROUTES)
      .map((route) => `${route.method} ${route.path}`)
      .sort(),
  );
});

t.test('figures and lines are those of the code', async (t) => {
  t.ok(text.includes(`${TIMEOUT_MS_RANGE[0]} to ${TIMEOUT_MS_RANGE[1]}, by default ${DEFAULT_TIMEOUT_MS}`));
  const lines = [...text.matchAll(/^\{"type".*\}$/gm)].map((match) => match[0]);
  t.equal(lines.length, 4);
  for (const line of lines) t.ok(watchLineSchema.safeParse(JSON.parse(line)).success, line);
});
