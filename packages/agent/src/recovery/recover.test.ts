import { spawn } from 'node:child_process';
import { cp, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ClusterState } from '@n3x/core/machine/state';
import { INDEX_GAP } from '@n3x/core/recovery/renew';
import t from 'tap';
import { openDataDirectory } from '../store/data-directory.ts';
import { readIdentity } from '../store/identity.ts';
import { runInspect } from './commands.ts';
import { forget } from './forget.ts';
import { compareReports, recover } from './recover.ts';
import { readReport, writeReport } from './report-file.ts';
import { openStoppedMember } from './stopped-host.ts';
import { labState, makeMember, OLD_ID, scratch, testConsole } from './test-member.ts';

const AGREED = { yes: true, clusterId: OLD_ID } as const;
const BASE = labState().state.index;

/** What a data directory holds now. */
async function look(dataDir: string) {
  const data = await openDataDirectory(dataDir, { n3xVersion: '0.1.0', onStored: () => undefined });
  const { stored, identity } = data;
  await data.close();
  return { stored, identity, state: ClusterState.fromRecords(stored.applied.index, stored.records) };
}

async function reportOf(dataDir: string, file: string): Promise<string> {
  await runInspect({ config: '', dataDir, output: file }, testConsole());
  return file;
}

t.test('the most advanced goes on, with the whole of its log', async (t) => {
  const path = await scratch(t);
  const [a, b] = [join(path, 'a'), join(path, 'b')];
  await makeMember(a, 1, [1, 1, 2]);
  await makeMember(b, 2, [1, 1, 1, 1]);
  const before = await look(a);
  const console = testConsole();
  const clusterId = await recover(
    { dataDir: a, reports: [await reportOf(b, join(path, 'b.json'))], ...AGREED },
    console,
  );
  t.match(console.printed(), /n1 knows most: its last entry is of term 2, that of n2 of term 1\./);
  t.match(
    console.printed(),
    /KEPT {3}Everything up to index \d+, which is known to be committed\.\n.*3 entries after it in the log of n1/,
  );
  t.match(console.printed(), /\(term 2\) {2}create VM late2\n/);
  t.match(console.printed(), /GONE {3}Entries \d+ to \d+ of n2 go\. They were never committed/);
  t.match(console.printed(), /LOST {3}Nothing that was acknowledged: n3 alone, 1 of 3 voters/);
  const { stored, identity, state } = await look(a);
  t.equal(identity.peerId, before.identity.peerId);
  t.match(identity.cluster, { clusterId, hostId: 1, name: 'n1', peers: [] });
  t.same(stored.hardState, { term: 3, vote: 0, commit: BASE + 3 + INDEX_GAP });
  t.same(stored.applied.confState.voters, [1]);
  t.same(
    [...state.vms()].map(({ name }) => name),
    ['db', 'late0', 'late1', 'late2', 'web'],
  );
  t.match(state.cluster, { id: clusterId, recoveries: [{ fromClusterId: OLD_ID, lastIndex: BASE + 3 }] });
  // What was there is still there, whole, and can be put back by hand.
  const kept = JSON.parse(await readFile(join(a, `identity-${OLD_ID.slice(0, 8)}.json`), 'utf8'));
  t.equal(kept.cluster.clusterId, OLD_ID);
  await writeFile(join(a, 'identity.json'), JSON.stringify(kept));
  t.equal((await look(a)).state.hash(), before.state.hash());
});

t.test('the guided way: asked at a terminal', async (t) => {
  const path = await scratch(t);
  await makeMember(join(path, 'a'), 1, []);
  for (const answer of ['', 'home\n', 'la\n']) {
    const console = testConsole(answer);
    await t.rejects(recover({ dataDir: join(path, 'a'), reports: [] }, console), {
      code: 'N3X_REFUSED',
      message: 'nothing was changed: that is not the name of the cluster',
    });
    t.match(console.printed(), /Make sure that n2, n3 are down/);
    t.match(console.printed(), /enough to have committed changes without the hosts looked at/);
  }
  t.equal((await look(join(path, 'a'))).identity.cluster?.clusterId, OLD_ID);
  await recover({ dataDir: join(path, 'a'), reports: [] }, testConsole('lab\n'));
  t.not((await look(join(path, 'a'))).identity.cluster?.clusterId, OLD_ID);
});

t.test('what is refused, each in a line, with nothing changed', async (t) => {
  const path = await scratch(t);
  const [a, b] = [join(path, 'a'), join(path, 'b')];
  await makeMember(a, 1, [1]);
  await makeMember(b, 2, [1, 1]);
  const refused = async (run: Promise<unknown>, code: string, message: RegExp): Promise<void> => {
    await t.rejects(run, { code, message });
    t.equal((await readIdentity(join(a, 'identity.json')))?.cluster?.clusterId, OLD_ID);
  };
  const go = (dataDir: string, reports: string[], agreed: object = AGREED) =>
    recover({ dataDir, reports, ...agreed }, testConsole());
  const file = await reportOf(b, join(path, 'b.json'));
  t.equal((await stat(file)).mode & 0o777, 0o600);
  await refused(go(a, [file]), 'N3X_REFUSED', /host n2 knows more than this one, so recover there/);
  await refused(go(a, [], {}), 'N3X_INVALID', /agree with --yes --cluster-id 01234567$/);
  await refused(go(a, [], { yes: true }), 'N3X_INVALID', /--cluster-id/);
  await refused(go(a, [], { yes: true, clusterId: '0123' }), 'N3X_INVALID', /this is cluster .* not 0123/);
  await refused(go(a, [], { yes: true, clusterId: 'f'.repeat(32) }), 'N3X_INVALID', /nothing was changed/);
  await refused(go(join(path, 'none'), []), 'N3X_CONFIG', /holds no data of n3xd: name the directory with --data-dir/);
  t.notOk((await readdir(path)).includes('none'), 'looking makes nothing');
  await refused(go(a, [join(path, 'absent.json')]), 'N3X_INVALID', /cannot read .*absent.json/);
  await writeFile(join(path, 'no.json'), '{}');
  await refused(go(a, [join(path, 'no.json')]), 'N3X_INVALID', /no.json is no report/);
  await writeFile(join(path, 'cut.json'), (await readFile(file, 'utf8')).slice(0, 100));
  await refused(go(a, [join(path, 'cut.json')]), 'N3X_INVALID', /cut.json is no report: it is not JSON/);
  const report = await readReport(file);
  await writeFile(join(path, 'new.json'), JSON.stringify({ ...report, format: 2, more: 1 }));
  await refused(go(a, [join(path, 'new.json')]), 'N3X_VERSION', /written by a newer n3xd/);
  await writeReport(join(path, 'other.json'), { ...report, clusterId: 'cd'.repeat(16) });
  await refused(go(a, [join(path, 'other.json')]), 'N3X_CONFLICT', /two clusters/);

  const running = await openStoppedMember(a, 0);
  await refused(go(a, []), 'N3X_CONFIG', /n3xd runs on .* \(process \d+\): stop it first/);
  await running.data.close();

  const bare = join(path, 'bare');
  await (await openDataDirectory(bare, { n3xVersion: '0.1.0', onStored: () => undefined })).close();
  await refused(go(bare, []), 'N3X_NOT_INITIALISED', /belongs to no cluster: there is nothing to recover/);
});

t.test('plan compares reports alone, and a report of this host gives way to what is on its disk', async (t) => {
  const path = await scratch(t);
  const [a, b] = [join(path, 'a'), join(path, 'b')];
  await makeMember(a, 1, [1]);
  await makeMember(b, 2, [2]);
  const files = [await reportOf(a, join(path, 'a.json')), await reportOf(b, join(path, 'b.json'))];
  t.equal((await compareReports(files)).best.host.name, 'n2');
  t.equal((await compareReports([...files].reverse())).best.host.name, 'n2');
  await recover({ dataDir: b, reports: files, ...AGREED }, testConsole());
  t.not((await look(b)).identity.cluster?.clusterId, OLD_ID);
});

t.test('forgetting works on a database that cannot be read, and keeps it', async (t) => {
  const path = await scratch(t);
  const dataDir = join(path, 'a');
  await makeMember(dataDir, 1, [1]);
  const before = await readIdentity(join(dataDir, 'identity.json'));
  for (const name of await readdir(join(dataDir, 'db'))) {
    if (/\.(log|ldb)$/.test(name)) await writeFile(join(dataDir, 'db', name), 'damaged beyond all reading');
  }
  await t.rejects(openStoppedMember(dataDir, 0), { code: 'N3X_CORRUPT' });
  await t.rejects(forget({ dataDir }, testConsole('n2\n')), { code: 'N3X_REFUSED' });
  t.equal(await forget({ dataDir }, testConsole('n1\n')), join(dataDir, 'db'));
  const { identity, stored } = await look(dataDir);
  t.equal(identity.cluster, undefined);
  t.equal(identity.peerId, before?.peerId, 'the key is the same, so it is the same host');
  t.equal(stored.records.size, 0);
  t.ok((await readdir(join(dataDir, 'db'))).length > 0);
  await t.rejects(forget({ dataDir, ...AGREED }, testConsole()), { code: 'N3X_NOT_INITIALISED' });
});

t.test('killed at any step, it is as it was or as it shall be', async (t) => {
  const path = await scratch(t);
  const template = join(path, 'template');
  await makeMember(template, 1, [1, 2]);
  const before = await look(template);
  const child = join(import.meta.dirname, 'test-crash-child.ts');
  const ends = { old: 0, new: 0 };
  let steps = 0;
  /** One recovery that is killed at the step of this number; whether there was one. */
  const killed = async (at: number): Promise<boolean> => {
    const dataDir = join(path, `at${at}`);
    await mkdir(dataDir);
    await cp(template, dataDir, { recursive: true });
    const run = spawn(process.execPath, [child, dataDir, String(at)], { stdio: 'inherit' });
    const code = await new Promise<number | null>((resolve) => run.once('exit', resolve));
    const after = await look(dataDir);
    const isOld = after.identity.cluster?.clusterId === OLD_ID;
    if (isOld) {
      t.equal(after.state.hash(), before.state.hash(), `${at}: as it was`);
      t.equal(after.stored.entries.length, 2);
      await recover({ dataDir, reports: [], ...AGREED }, testConsole());
    } else {
      t.equal(after.state.cluster?.id, after.identity.cluster?.clusterId, `${at}: as it shall be`);
      t.equal(after.state.vmCount, before.state.vmCount + 2);
    }
    t.equal((await look(dataDir)).state.vmCount, before.state.vmCount + 2, 'and it can be gone on from');
    ends[isOld ? 'old' : 'new']++;
    steps = Math.max(steps, at);
    return code === null;
  };
  for (let at = 1; ; at += 4) {
    const rounds = await Promise.all([at, at + 1, at + 2, at + 3].map(killed));
    if (rounds.includes(false)) break;
    if (at > 200) throw new Error('no end');
  }
  t.ok(ends.old >= 4 && ends.new >= 2, JSON.stringify({ ...ends, steps }));
});
