import { readFile } from 'node:fs/promises';
import { HTTP_STATUS } from '@n3x/core/api/schemas';
import { ERROR_CODES } from '@n3x/core/base/errors';
import t from 'tap';

const text = await readFile(new URL('../../docs/errors.md', import.meta.url), 'utf8');
const sections = new Map(
  text
    .split(/^## /m)
    .slice(1)
    .map((section) => [section.split('\n')[0] ?? '', section.split('\n').slice(1).join('\n')]),
);

t.test('every code is described, and no other', async (t) => {
  t.same([...sections.keys()].sort(), Object.values(ERROR_CODES).sort());
});

t.test('each section has its HTTP status, a meaning and a way out', async (t) => {
  for (const code of Object.values(ERROR_CODES)) {
    const section = sections.get(code) ?? '';
    t.equal(/^HTTP (\d+)\. /.exec(section)?.[1], String(HTTP_STATUS[code]), code);
    t.match(section, /^\*\*What to do:\*\* .{20,}/m, code);
  }
});
