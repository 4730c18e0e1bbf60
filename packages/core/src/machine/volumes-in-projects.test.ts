/** Volumes of VMs in projects: begun anew, left behind, taken over, and what of it counts against quotas. */
import t from 'tap';
import type { VmSpecInput } from '../model/vm.ts';
import type { Command, CommandResult } from './command.ts';
import { checkInvariants, checkStep } from './invariants.ts';
import { SampleCluster } from './sample.ts';

const disk = (more: { from?: string } = {}): Partial<VmSpecInput> => ({
  source: { kind: 'inline', volumes: [{ name: 'data', sizeMib: 1024, ...more }] },
});

/** A cluster with projects `shop`, for 2 GiB of disk, and `blog`; `shop.db` has its volume on n1. */
class Shop extends SampleCluster {
  constructor() {
    super();
    this.apply({ type: 'projectCreate', name: 'shop', quotas: { diskMib: { maximum: 2048 } } });
    this.apply({ type: 'projectCreate', name: 'blog', quotas: {} });
    this.put('shop.db');
  }

  override apply(command: Command): CommandResult {
    const result = super.apply(command);
    const wrong = [...checkInvariants(this.state), ...checkStep(this.state, this.last.objectChanges)];
    if (wrong.length > 0) throw new Error(wrong.join('; '));
    return result;
  }

  vm(name: string) {
    const vm = this.state.vm(name);
    if (vm === undefined) throw new Error(`${name} is missing`);
    return vm;
  }

  put(name: string): void {
    this.create(name, disk());
    this.assign(name);
    this.made(name);
  }

  /** Its host says that it is stopped, as it is asked to be. */
  stop(name: string): void {
    this.apply({ type: 'vmSetPower', name, power: 'stopped' });
    const { uid, assignment, status, generation } = this.vm(name);
    const { hostId = 0, epoch = 0 } = assignment ?? {};
    const stopped = { ...status, phase: 'stopped', reason: '', message: '', observedGeneration: generation } as const;
    this.apply({ type: 'vmReport', hostId, reports: [{ name, uid, epoch, status: stopped }] });
  }

  /** Its host has made its volumes. */
  made(name: string): void {
    const { uid, assignment, volumes = [] } = this.vm(name);
    const { hostId = 0, epoch = 0 } = assignment ?? {};
    this.apply({ type: 'volumesCreated', hostId, name, uid, epoch, volumes: volumes.map((volume) => volume.uid) });
  }

  used(project: string): number {
    return this.state.indexes.projectUse(project).used.diskMib;
  }
}

const recreate = (name: string, volumes?: string[]): Command => ({
  ...{ type: 'volumeRecreate', name },
  ...(volumes === undefined ? {} : { volumes }),
});

t.test('a volume that is begun anew stays in its project, and what was there keeps the name of its VM', (t) => {
  const shop = new Shop();
  const [before] = shop.vm('shop.db').volumes ?? [];
  t.equal(shop.used('shop'), 1024);
  t.match(shop.apply(recreate('shop.db', ['logs'])), {
    error: { code: 'N3X_NOT_FOUND', message: 'VM shop.db has no volume logs: it has data' },
  });
  t.match(shop.apply(recreate('db')), { error: { code: 'N3X_NOT_FOUND' } }, 'it is not one of the project default');
  t.match(shop.apply(recreate('shop.db', ['data'])), {
    error: {
      message:
        'VM shop.db is building and shall run: stop it before its volumes are begun anew, `n3xctl vm stop shop.db`',
    },
  });
  shop.stop('shop.db');
  t.match(shop.apply(recreate('shop.db', ['data'])), { ok: true, changed: true });
  const [after] = shop.vm('shop.db').volumes ?? [];
  t.match(after, { name: 'data', created: false, writer: 0, place: { host: 'n1' } });
  t.not(after?.uid, before?.uid);
  t.match([...shop.state.stored.all()], [{ uid: before?.uid, formerVm: 'shop.db', place: { host: 'n1' } }]);
  t.equal(shop.used('shop'), 1024, 'a volume of no VM is no use of the project');
  shop.made('shop.db');
  t.match(shop.apply(recreate('shop.db')), { ok: true, changed: true }, 'and again');
  t.equal(shop.state.stored.size, 2);
  t.end();
});

t.test('who takes a volume over has it counted in its own project', (t) => {
  const shop = new Shop();
  const [{ uid = '' } = {}] = shop.vm('shop.db').volumes ?? [];
  shop.stop('shop.db');
  shop.apply(recreate('shop.db'));
  t.ok(shop.create('shop.heir', disk({ from: uid })).ok);
  t.same([shop.used('shop'), shop.used('blog'), shop.state.stored.size], [2048, 0, 0]);
  t.match(shop.create('shop.more', disk()), {
    error: {
      code: 'N3X_REFUSED',
      message:
        /^VM shop\.more cannot be created: project shop may have 2G of disk at most, has 2G, and 1G more are asked for/,
    },
  });
  shop.apply({ type: 'vmDelete', name: 'shop.heir', keepVolumes: true });
  t.equal(shop.used('shop'), 1024);
  t.ok(shop.create('blog.heir', disk({ from: uid })).ok);
  t.same([shop.used('shop'), shop.used('blog')], [1024, 1024]);
  t.match(shop.vm('blog.heir').volumes, [{ uid, created: true, place: { host: 'n1' } }]);
  t.end();
});
