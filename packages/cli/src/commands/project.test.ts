import type { ProjectView } from '@n3x/core/api/project-routes';
import { qualifiedName, vmNameSchema } from '@n3x/core/model/vm-name';
import t from 'tap';
import { nameInProject, readProject, vmNameIn } from '../arguments/project-name.ts';
import { parseNewProject, parseProjectSettings } from '../arguments/project-settings.ts';
import { ApiDouble, apiError } from '../testing/api-double.ts';
import { EPOCH_MS, makeVm } from '../testing/objects.ts';
import { runCli } from '../testing/run-cli.ts';

const SHOP: ProjectView = {
  kind: 'project',
  name: 'shop',
  modifiedIndex: 7,
  createdAtMs: EPOCH_MS,
  quotas: { vcpu: { guaranteed: 4, maximum: 8 }, vms: { maximum: 2 } },
  strategy: 'least-available',
  used: { vcpu: 6, memoryMib: 3072, diskMib: 0, vms: 2 },
  standing: { vcpu: 3, memoryMib: 1024, diskMib: 0, vms: 1 },
};

t.test('names are those of the model', async (t) => {
  for (const [project, name] of [
    ['default', 'web'],
    ['shop', 'web'],
    ['shop', 'default.web'],
    ['shop', 'blog.web'],
  ] as const) {
    const made = vmNameIn(project, name);
    t.ok(vmNameSchema.safeParse(made).success, made);
    if (!name.includes('.')) t.equal(made, qualifiedName(project, name));
  }
  t.equal(vmNameIn('shop', 'default.web'), 'web');
  t.equal(vmNameIn('shop', 'blog.web'), 'blog.web');
  t.equal(nameInProject('shop.web'), 'web');
  t.equal(readProject('N3X_PROJECT', ''), 'default');
  t.throws(() => readProject('--project', 'Shop'), {
    message: /^--project: "Shop" is no name of a project: it is 1 to 31/,
  });
});

t.test('settings of projects as they are written', async (t) => {
  t.same(parseProjectSettings(['vcpu=8', 'memory=4G..16G', 'disk-', 'vms=2..', 'strategy-']), {
    quotas: {
      vcpu: { maximum: 8 },
      memoryMib: { guaranteed: 4096, maximum: 16_384 },
      diskMib: { guaranteed: null, maximum: null },
      vms: { guaranteed: 2 },
    },
    strategy: null,
  });
  t.same(parseNewProject(['vcpu=..8', 'disk=0', 'strategy=manual']), {
    quotas: { vcpu: { maximum: 8 }, diskMib: { maximum: 0 } },
    strategy: 'manual',
  });
  const wrong: [string[], RegExp][] = [
    [['cpu=8'], /^"cpu" is no setting of a project: did you mean vcpu\?$/],
    [['vcpu'], /^"vcpu" has no value: write vcpu=VALUE or vcpu-$/],
    [['vcpu=1', 'vcpu=2'], /^"vcpu" is given twice$/],
    [['vcpu=..'], /^vcpu: "\.\." is no quota: write MAXIMUM, GUARANTEED\.\. or GUARANTEED\.\.MAXIMUM$/],
    [['vcpu=8..4'], /^vcpu: "8\.\.4" guarantees more than its maximum$/],
    [['memory=lots'], /^memory: "lots" is not a size/],
    [['strategy=best'], /^strategy: "best" is none of/],
  ];
  for (const [texts, message] of wrong) t.throws(() => parseProjectSettings(texts), { message });
  t.throws(() => parseNewProject(['vcpu-']), {
    message: '"vcpu-": a new project has nothing that could be taken away',
  });
});

t.test('projects are made, changed and deleted', async (t) => {
  const api = await ApiDouble.start(t);
  let changed = true;
  const answer = () => ({ project: SHOP, changed, index: 9 });
  api
    .on('createProject', answer)
    .on('setProject', answer)
    .on('deleteProject', () => ({ changed, index: 9 }));
  api.on('annotateProject', () => ({ changed, index: 9 }));
  const project = (...args: string[]) => runCli(['project', ...args, '--socket', api.socket]);
  const use = 'vms 2 of 2 at most, vcpu 6 of 8 at most; 4 guaranteed, of which 3 run';
  t.same(await project('create', 'shop', 'vcpu=4..8', 'vms=2'), {
    ...{ code: 0, stdout: `project shop: created (${use})\n`, stderr: '' },
  });
  changed = false;
  t.equal((await project('set', 'shop', 'vms=2')).stdout, `project shop: unchanged (${use})\n`);
  t.equal((await project('annotate', 'shop', 'owner=kim')).stdout, 'project shop: unchanged\n');
  t.equal((await project('delete', 'shop')).stdout, 'project shop: deleted\n');
  t.same(api.seen('createProject')[0]?.body, {
    ...{ name: 'shop', quotas: { vcpu: { guaranteed: 4, maximum: 8 }, vms: { maximum: 2 } } },
  });
  t.same(api.seen('setProject')[0]?.body, { quotas: { vms: { maximum: 2 } } });
  api.on('deleteProject', () => {
    throw apiError('N3X_REFUSED', 'project shop has 2 VMs: delete them first');
  });
  t.match(await project('delete', 'shop'), { code: 7, stderr: 'n3xctl: project shop has 2 VMs: delete them first\n' });
  t.match(await project('set', 'shop'), { code: 2, stderr: /missing required argument 'setting'/ });
});

t.test('projects are shown in every form', async (t) => {
  const api = await ApiDouble.start(t);
  const stale = () => ({ items: [SHOP], index: 9, stale: true });
  api.on('listProjects', stale).on('getProject', () => ({ ...SHOP, annotations: { owner: 'kim' } }));
  const project = (...args: string[]) => runCli(['project', ...args, '--socket', api.socket]);
  t.match(
    (await project('list')).stdout,
    /^NAME +VMS +VCPU +MEMORY +DISK +STRATEGY +AGE\nshop +2\/2 +6\/8 +3G +0 +least-available/,
  );
  t.match((await project('list', '-o', 'wide')).stdout, /GUARANTEED\n.*vcpu 3 of 4\n$/);
  t.equal((await project('list', '-q')).stdout, 'shop\n');
  t.match(JSON.parse((await project('list', '-o', 'json')).stdout), { items: [SHOP] });
  t.match(
    (await project('show', 'shop')).stdout,
    /Vcpu: +6 of 8 at most; 4 guaranteed, of which 3 run\n[\s\S]*Annotation owner: +kim/,
  );
  t.match((await project('show', 'shop', '-o', 'yaml')).stdout, /^name: shop$/m);
  t.match((await project('show', 'shop', '--stale')).stderr, /^stale: as of index 9/);
});

t.test('VMs are those of the project that is meant', async (t) => {
  const api = await ApiDouble.start(t);
  const vm = makeVm({ name: 'shop.web' });
  api.on('listVms', () => ({ items: [vm], index: 9, stale: false }));
  api.on('getVm', () => vm).on('startVm', () => ({ vm, changed: true, index: 9 }));
  api.on('createVm', () => ({ vm, changed: true, index: 9 }));
  api.on('listEvents', () => ({ items: [], index: 9, stale: false }));
  const run = (line: string, env = {}) => runCli([...line.split(' '), '--socket', api.socket], { env });
  t.match((await run('vm list --project shop')).stdout, /shop\.web/);
  await run('vm list', { N3X_PROJECT: 'shop' });
  await run('vm list', { N3X_PROJECT: '' });
  await run('vm list --all-projects', { N3X_PROJECT: 'shop' });
  t.same(
    api.seen('listVms').map(({ query }) => query['project']),
    ['shop', 'shop', 'default', undefined],
  );
  await run('--project shop vm show web');
  await run('vm show shop.web');
  await run('vm show default.web', { N3X_PROJECT: 'shop' });
  await run('vm show web --project blog', { N3X_PROJECT: 'shop' });
  t.same(
    api.seen('getVm').map(({ params }) => params['name']),
    ['shop.web', 'shop.web', 'web', 'blog.web'],
  );
  t.equal(
    (await run('vm start web', { N3X_PROJECT: 'shop' })).stdout,
    'vm shop.web: start requested (running on n1)\n',
  );
  await run('vm create web --project shop --flake github:me/vms');
  t.match(api.seen('createVm')[0]?.body, { name: 'shop.web', spec: { source: { attribute: 'web' } } });
  await run('events --kind vm --name web --project shop');
  t.equal(api.seen('listEvents')[0]?.query['name'], 'shop.web');
  t.match(await run('vm list --project Shop'), {
    code: 2,
    stderr: /^n3xctl: --project: "Shop" is no name of a project/,
  });
  t.match(await run('vm list', { N3X_PROJECT: 'a.b' }), { code: 2, stderr: /^n3xctl: N3X_PROJECT: "a\.b" is no name/ });
  t.match((await run('vm show web -o wide', { N3X_PROJECT: 'shop' })).stdout, /^Name: +shop\.web\nProject: +shop\n/);
});
