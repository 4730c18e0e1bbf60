#!/usr/bin/env node
// The sources are TypeScript, which Node runs by itself from 22.18 on. Under an older Node the workspace's own one runs them.
if (process.features.typescript) {
  await import('../src/main.ts');
} else {
  const { spawnSync } = await import('node:child_process');
  const { existsSync } = await import('node:fs');
  const { fileURLToPath } = await import('node:url');
  const node = fileURLToPath(new URL('../../../node_modules/.bin/node', import.meta.url));
  if (existsSync(node)) {
    const script = fileURLToPath(import.meta.url);
    const child = spawnSync(node, [script, ...process.argv.slice(2)], { stdio: 'inherit' });
    process.exitCode = child.status ?? 1;
  } else {
    process.stderr.write(`n3xctl: needs Node.js 22.18 or later, and this is ${process.version}\n`);
    process.exitCode = 1;
  }
}
