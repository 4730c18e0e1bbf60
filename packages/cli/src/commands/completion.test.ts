import { spawnSync } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { SHELLS } from '../completion/shells.ts';
import { scratchDirectory } from '../testing/api-double.ts';
import { runCli } from '../testing/run-cli.ts';

function present(program: string): boolean {
  return spawnSync(program, ['-c', 'true']).status === 0;
}

t.test('every script holds every noun, verb and flag', async (t) => {
  for (const shell of SHELLS) {
    const { code, stdout } = await runCli(['completion', shell]);
    t.equal(code, 0);
    for (const word of ['cluster', 'restart', 'revoke', 'hypervisor', 'cloud-hypervisor', 'ready-timeout', 'wide']) {
      t.ok(stdout.includes(word), `${shell}: ${word}`);
    }
    if (shell !== 'bash' && !present(shell)) continue;
    const check = spawnSync(shell, ['-n'], { input: stdout, encoding: 'utf8' });
    t.equal(check.status, 0, `${shell}: ${check.stderr}`);
  }
  const unknown = await runCli(['completion', 'tcsh']);
  t.equal(unknown.code, 2);
  t.match(unknown.stderr, /^n3xctl: .*'tcsh' is invalid for argument 'shell'. Allowed choices are bash, zsh, fish.\n$/);
});

t.test('bash completes', async (t) => {
  const directory = scratchDirectory(t);
  // Names are looked up by running n3xctl itself: here one that knows two VMs.
  writeFileSync(join(directory, 'n3xctl'), '#!/bin/sh\n[ "$1 $2" = "vm list" ] && printf "web\\nworker\\n"\n');
  chmodSync(join(directory, 'n3xctl'), 0o755);
  writeFileSync(join(directory, 'script'), (await runCli(['completion', 'bash'])).stdout);
  const complete = (...words: string[]) => {
    const quoted = words.map((word) => `'${word}'`).join(' ');
    const script = `. ${join(directory, 'script')}
      COMP_WORDS=(n3xctl ${quoted}); COMP_CWORD=${words.length}; _n3xctl; echo "\${COMPREPLY[@]}"`;
    const env = { PATH: `${directory}:/usr/local/bin:/usr/bin:/bin` };
    return spawnSync('bash', ['-c', script], { encoding: 'utf8', env }).stdout.trim().split(' ');
  };
  t.same(complete('cl'), ['cluster']);
  t.same(complete('vm', 'st'), ['start', 'stop']);
  t.same(complete('-o', 'json', 'token', ''), ['create', 'list', 'revoke']);
  t.same(complete('vm', 'create', 'a', '--hyp'), ['--hypervisor']);
  t.same(complete('vm', 'create', 'a', '--hypervisor', 'c'), ['cloud-hypervisor', 'crosvm']);
  t.same(complete('vm', 'list', '-o', 'y'), ['yaml']);
  t.same(complete('vm', 'show', 'wo'), ['worker']);
});
