/**
 * Runs every scenario under this folder and compares its trace. `N3X_REWRITE=1` writes the actual traces
 * into the files instead: read the difference before you keep it.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runRaftScript } from '@n3x/sim/script/raft-script';
import t from 'tap';

const rewrite = process.env['N3X_REWRITE'] === '1';
if (rewrite && process.env['CI'] !== undefined) throw new Error('N3X_REWRITE is for authors, not for CI');

const folder = join(import.meta.dirname, 'raft');
const files = readdirSync(folder)
  .filter((name) => name.endsWith('.txt'))
  .sort();
t.ok(files.length > 0, 'there are scenarios');

for (const name of files) {
  t.test(name, (t) => {
    const path = join(folder, name);
    const text = readFileSync(path, 'utf8');
    const actual = runRaftScript(`tests/interaction/raft/${name}`, text, { rewrite });
    if (rewrite) writeFileSync(path, actual);
    else t.equal(actual, text, 'rewriting would change nothing');
    t.end();
  });
}
