/** What is on hosts and belongs to no VM: shown, and cleaned on request. */
import type { FoundVmView, OrphanView } from '@n3x/core/api/adoption-routes';
import type { Context } from '../context.ts';
import { agree } from '../output/consent.ts';
import { printable, renderTable } from '../output/table.ts';

/** Flags of `host orphans clean`. */
export interface CleanOptions {
  readonly dryRun?: true;
  readonly confirm?: true;
  readonly yes?: true;
}

interface HostOrphans {
  readonly host: string;
  readonly orphans: readonly OrphanView[];
  readonly unmanaged: readonly FoundVmView[];
}

/** Looking through a host, and stopping what is left on it, takes its time. */
const LOOK_TIMEOUT_MS = 30_000;
const CLEAN_TIMEOUT_MS = 120_000;

const KINDS: Readonly<Record<OrphanView['kind'], string>> = {
  process: 'process',
  unit: 'unit',
  unitSettings: 'unit settings',
  interface: 'interface',
  root: 'gc root',
  directory: 'directory',
  image: 'image',
};

function orphanTable(hosts: readonly HostOrphans[]): string {
  const rows = hosts.flatMap(({ host, orphans }) => orphans.map((orphan) => ({ host, orphan })));
  if (rows.length === 0) return 'nothing is left of microVMs that are gone\n';
  return renderTable(
    [
      { head: 'HOST', cell: ({ host }) => host },
      { head: 'KIND', cell: ({ orphan }) => KINDS[orphan.kind] },
      { head: 'WHAT', cell: ({ orphan }) => printable(orphan.what) },
      { head: 'MADE BY', cell: ({ orphan }) => (orphan.ours ? 'n3x' : 'unknown') },
      { head: 'WHY', cell: ({ orphan }) => printable(orphan.why) },
    ],
    rows,
    false,
  );
}

function unmanagedTable(hosts: readonly HostOrphans[]): string {
  const rows = hosts.flatMap(({ host, unmanaged }) => unmanaged.map((vm) => ({ host, vm })));
  if (rows.length === 0) return '';
  const table = renderTable(
    [
      { head: 'HOST', cell: ({ host }) => host },
      { head: 'MICROVM', cell: ({ vm }) => printable(vm.name) },
      { head: 'PID', cell: ({ vm }) => (vm.pid === null ? '-' : String(vm.pid)) },
      { head: 'NOT MANAGED BY N3X', cell: ({ vm }) => printable(vm.adoptable ? 'can be adopted' : vm.reason) },
    ],
    rows,
    false,
  );
  return `\n${table}`;
}

async function look(context: Context, host: string): Promise<HostOrphans> {
  const deadline = context.deadline(LOOK_TIMEOUT_MS);
  const params = { name: host };
  const orphans = await context.client.call('listOrphans', { deadline, params });
  const unmanaged = await context.client.call('listFound', { deadline, params });
  return { host, orphans: orphans.items, unmanaged: unmanaged.items };
}

/** `host orphans [NAME]`: of one host, or of all that are reachable. */
export async function orphans(context: Context, args: readonly string[]): Promise<void> {
  context.refuseStale();
  const [name] = args;
  const hosts: HostOrphans[] = [];
  if (name !== undefined) {
    hosts.push(await look(context, name));
  } else {
    const query = context.consistency;
    const all = await context.client.call('listHosts', { deadline: context.requestDeadline(), query });
    for (const host of all.items) {
      if (host.reachable) hosts.push(await look(context, host.name));
      else context.note(`host ${host.name} cannot be reached: what is on it is not known`);
    }
  }
  await context.show(
    { hosts },
    {
      names: hosts.flatMap((host) => host.orphans.map(({ what }) => what)),
      text: () => orphanTable(hosts) + unmanagedTable(hosts),
    },
  );
}

/** `host orphans clean NAME [--dry-run] [--confirm] [--yes]`. */
export async function clean(context: Context, args: readonly string[], options: CleanOptions): Promise<void> {
  context.refuseStale();
  const name = args[0] ?? '';
  const all = options.confirm === true;
  const found = await context.client.call('listOrphans', {
    deadline: context.deadline(LOOK_TIMEOUT_MS),
    params: { name },
  });
  const goes = found.items.filter(({ ours }) => ours || all);
  const left = found.items.length - goes.length;
  if (left > 0)
    context.note(`${left} stay, since n3x did not make them as far as it can tell: --confirm cleans them too`);
  const table = (items: readonly OrphanView[]) => orphanTable([{ host: name, orphans: items, unmanaged: [] }]);
  if (options.dryRun === true || goes.length === 0) {
    const text = () => (goes.length === 0 ? `host ${name}: nothing to clean\n` : table(goes));
    return context.show({ host: name, wouldClean: goes }, { names: goes.map(({ what }) => what), text });
  }
  await agree(context.terminal, `${table(goes)}These go for good, and what is in them.`, name, options.yes === true);
  const answer = await context.client.call('cleanOrphans', {
    deadline: context.deadline(CLEAN_TIMEOUT_MS),
    params: { name },
    body: { all },
  });
  for (const { orphan, message } of answer.failed) context.note(`${orphan.what}: not cleaned: ${message}`);
  await context.show(answer, {
    names: answer.cleaned.map(({ what }) => what),
    text: () => answer.cleaned.map(({ kind, what }) => `${KINDS[kind]} ${printable(what)}: cleaned\n`).join(''),
  });
}
