/** The verbs that change what a host is to the cluster. */
import { ERROR_CODES } from '@n3x/core/base/errors';
import type { HostRole } from '@n3x/core/model/host';
import { parseAnnotations } from '../arguments/annotations.ts';
import { UsageError } from '../arguments/usage-error.ts';
import type { Context } from '../context.ts';
import { formatAge } from '../output/age.ts';
import { agree } from '../output/consent.ts';
import { CommandFailure } from '../output/error-report.ts';

/** VMs named in one warning. */
const SHOWN_VMS = 8;

/** `host set NAME [--role ROLE] [--zone ZONE] [--label KEY=VALUE|KEY-]...`. */
export async function set(
  context: Context,
  args: readonly string[],
  options: { readonly role?: HostRole; readonly zone?: string; readonly label?: readonly string[] },
): Promise<void> {
  context.refuseStale();
  const name = args[0] ?? '';
  const { role, zone } = options;
  const texts = [...(options.label ?? []), ...(zone === undefined ? [] : [zone === '' ? 'zone-' : `zone=${zone}`])];
  const labels = parseAnnotations(texts, '--label', 'label');
  if (role === undefined && texts.length === 0) {
    throw new UsageError('nothing to set: give --role, --zone or --label');
  }
  const answer = await context.client.call('setHost', {
    deadline: context.requestDeadline(),
    params: { name },
    body: { ...(role === undefined ? {} : { role }), ...(texts.length === 0 ? {} : { labels }) },
  });
  const text = () => `host ${name}: ${answer.changed ? 'set' : 'unchanged'}\n`;
  await context.show({ name, ...answer }, { names: [name], text });
}

async function setCordoned(context: Context, name: string, cordoned: boolean): Promise<void> {
  context.refuseStale();
  const deadline = context.requestDeadline();
  const answer = await context.client.call('setHost', { deadline, params: { name }, body: { cordoned } });
  const done = cordoned ? 'cordoned' : 'uncordoned';
  const text = () => `host ${name}: ${answer.changed ? done : 'unchanged'}\n`;
  await context.show({ name, ...answer }, { names: [name], text });
}

/** `host cordon NAME`. */
export function cordon(context: Context, args: readonly string[]): Promise<void> {
  return setCordoned(context, args[0] ?? '', true);
}

/** `host uncordon NAME`. */
export function uncordon(context: Context, args: readonly string[]): Promise<void> {
  return setCordoned(context, args[0] ?? '', false);
}

/** `host remove NAME [--force] [--yes]`. */
export async function remove(
  context: Context,
  args: readonly string[],
  options: { readonly force?: true; readonly yes?: true },
): Promise<void> {
  context.refuseStale();
  const name = args[0] ?? '';
  const force = options.force === true;
  if (options.yes !== true) await agree(context.terminal, await warning(context, name, force), name, false);
  const answer = await context.client.call('removeHost', {
    deadline: context.requestDeadline(),
    params: { name },
    query: force ? { force: 'true' } : {},
  });
  const lost = answer.vms === 0 ? '' : `, and ${answer.vms} VM${answer.vms === 1 ? '' : 's'} lost with it`;
  const text = () => `host ${name}: removed${lost}\n`;
  await context.show({ name, ...answer }, { names: [name], text });
}

/** What will be gone, from the cluster's own records. Refuses here already what the cluster would refuse. */
async function warning(context: Context, name: string, force: boolean): Promise<string> {
  const query = { consistency: 'linearizable' } as const;
  const deadline = context.requestDeadline();
  const host = await context.client.call('getHost', { deadline, params: { name }, query });
  if (host.reachable && host.membership !== 'lost' && !force) {
    throw new CommandFailure(ERROR_CODES.refused, `host ${name} is up: removal is for a host that is lost`, {
      hint: `n3xctl cluster leave ${name} lets it leave; --force removes it all the same`,
    });
  }
  const { items } = await context.client.call('listVms', { deadline: context.requestDeadline(), query });
  const vms = items.filter((vm) => vm.hostName === name).map((vm) => vm.name);
  const more = vms.length > SHOWN_VMS ? ` and ${vms.length - SHOWN_VMS} more` : '';
  const seen = host.reachable
    ? 'It is heard from'
    : `It was last heard from ${formatAge(host.reachableSinceMs, Date.now())} ago`;
  const fate =
    vms.length === 0
      ? 'It has no VMs.'
      : `Its VMs and their disks are lost with it: ${vms.slice(0, SHOWN_VMS).join(', ')}${more}.`;
  const runs = 'If the machine still runs, so do they, with nobody in charge: make sure that it is off.';
  return `Removing host ${name} for good. ${seen}. ${fate}${vms.length === 0 ? '' : ` ${runs}`}`;
}
