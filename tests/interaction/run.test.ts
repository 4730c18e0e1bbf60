/**
 * Runs every scenario under this folder, in the language of its folder, and compares its trace.
 * `N3X_REWRITE=1` writes the actual traces into the files instead: read the difference before you keep it.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Handler, runScript } from '@n3x/sim/script/datadriven';
import { raftHandler } from '@n3x/sim/script/raft-script';
import t from 'tap';
import { confChangeHandler } from './confchange-language.ts';
import { quorumHandler } from './quorum-language.ts';

const rewrite = process.env['N3X_REWRITE'] === '1';
if (rewrite && process.env['CI'] !== undefined) throw new Error('N3X_REWRITE is for authors, not for CI');

const LANGUAGES: Readonly<Record<string, () => Handler>> = {
  raft: raftHandler,
  confchange: confChangeHandler,
  quorum: quorumHandler,
};

for (const [language, handler] of Object.entries(LANGUAGES)) {
  const folder = join(import.meta.dirname, language);
  const files = readdirSync(folder)
    .filter((name) => name.endsWith('.txt'))
    .sort();
  t.ok(files.length > 0, `there are scenarios of ${language}`);

  for (const name of files) {
    t.test(`${language}/${name}`, (t) => {
      const path = join(folder, name);
      const text = readFileSync(path, 'utf8');
      const actual = runScript(`tests/interaction/${language}/${name}`, text, handler(), { rewrite });
      if (rewrite) writeFileSync(path, actual);
      else t.equal(actual, text, 'rewriting would change nothing');
      t.end();
    });
  }
}
