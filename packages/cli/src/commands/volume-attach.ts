/** The verbs by which volumes come to VMs that are there, and leave them again. */
import type { RouteResult } from '@n3x/core/api/routes';
import { vmNameIn } from '../arguments/project-name.ts';
import { UsageError } from '../arguments/usage-error.ts';
import { parseMountPoint, parseVolume } from '../arguments/volume.ts';
import type { Context } from '../context.ts';

type Changed = RouteResult<'attachVolume'>;

/** Shows what came of it; `done` says of the volume what has changed. */
async function show(context: Context, ref: string, answer: Changed, done: string): Promise<void> {
  const uid = answer.volume?.uid ?? ref;
  const text = () => `volume ${uid}: ${answer.changed ? done : 'unchanged'}\n`;
  await context.show({ ...answer }, { names: [uid], text });
}

/** Flags of `volume attach`. */
export interface AttachFlags {
  readonly name?: string;
  readonly mount?: string;
}

/** `volume attach VOLUME VM`. */
export async function attach(context: Context, args: readonly string[], flags: AttachFlags): Promise<void> {
  context.refuseStale();
  const [ref = '', name = ''] = args;
  const vm = vmNameIn(context.project, name);
  const mountPoint = flags.mount === undefined ? undefined : parseMountPoint('--mount', flags.mount);
  const answer = await context.client.call('attachVolume', {
    deadline: context.requestDeadline(),
    params: { ref },
    query: {},
    body: {
      vm,
      ...(flags.name === undefined ? {} : { name: flags.name }),
      ...(mountPoint === undefined ? {} : { mountPoint }),
    },
  });
  await show(context, ref, answer, `attached to VM ${vm} as ${answer.volume?.name ?? ref}`);
}

/** `volume detach VOLUME`. */
export async function detach(context: Context, args: readonly string[]): Promise<void> {
  context.refuseStale();
  const ref = args[0] ?? '';
  const deadline = context.requestDeadline();
  const answer = await context.client.call('detachVolume', { deadline, params: { ref }, query: {} });
  const { volume } = answer;
  const done =
    volume === null || volume.state === 'deleting'
      ? 'detached; it was never made, and is forgotten'
      : `detached; it stays on ${volume.host ?? 'no host'}`;
  await show(context, ref, answer, done);
}

/** `volume create VM NAME:SIZE`. */
export async function create(context: Context, args: readonly string[]): Promise<void> {
  context.refuseStale();
  const [vm = '', text = ''] = args;
  const name = vmNameIn(context.project, vm);
  const { from, sizeMib, ...asked } = parseVolume(text, 'volume create');
  if (from !== undefined) {
    throw new UsageError(
      `volume create: from= names a volume that is there already`,
      `give that one to the VM: n3xctl volume attach ${from} ${name}`,
    );
  }
  if (sizeMib === undefined) throw new UsageError(`volume create: ${asked.name} needs a size`);
  const answer = await context.client.call('createVolume', {
    deadline: context.requestDeadline(),
    params: { name },
    query: {},
    body: { ...asked, sizeMib },
  });
  await show(context, asked.name, answer, `new, ${asked.name} of VM ${name}`);
}
