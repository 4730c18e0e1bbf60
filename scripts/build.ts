/**
 * Bundles n3xd and n3xctl, each into `dist` of its package. Not needed to run them (see `launch.mjs` of core):
 * a bundle only starts faster and takes less memory.
 */
import { copyFile, glob, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const ROOT = new URL('../', import.meta.url);
/** Loaded from where they are installed: native code cannot be bundled. */
const EXTERNAL = ['level'];
/** CommonJS modules in the bundle may ask for Node's own. */
const BANNER =
  "import { createRequire as n3xRequire } from 'node:module';\nconst require = n3xRequire(import.meta.url);";

for (const [folder, program] of [
  ['agent', 'n3xd'],
  ['cli', 'n3xctl'],
] as const) {
  const source = fileURLToPath(new URL(`packages/${folder}/src`, ROOT));
  const outdir = fileURLToPath(new URL(`packages/${folder}/dist`, ROOT));
  await rm(outdir, { recursive: true, force: true });
  await build({
    entryPoints: { [program]: join(source, 'main.ts') },
    outdir,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    splitting: true,
    platform: 'node',
    format: 'esm',
    target: 'node24',
    external: EXTERNAL,
    banner: { js: BANNER },
    legalComments: 'linked',
    logLevel: 'warning',
  });
  // Shell scripts are looked for beside the module that runs them, and in a bundle that is any file of it.
  for await (const script of glob('**/*.sh', { cwd: source })) {
    await copyFile(join(source, script), join(outdir, basename(script)));
  }
}
