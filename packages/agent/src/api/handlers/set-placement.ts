/** Where the VMs of sets are and would be. */
import type { RouteResult } from '@n3x/core/api/routes';
import { N3xError } from '@n3x/core/base/errors';
import { draftVm } from '@n3x/core/machine/apply-vm';
import { setQuotaExcess } from '@n3x/core/machine/quota';
import { setProgress } from '@n3x/core/machine/set-progress';
import type { ClusterState } from '@n3x/core/machine/state';
import type { Cluster } from '@n3x/core/model/cluster';
import type { Vm } from '@n3x/core/model/vm';
import { memberName, memberSpec } from '@n3x/core/model/vm-set';
import { type MemberPlacement, placeTogether } from '@n3x/core/scheduler/set-placement';
import { type Call, unknownSet } from '../call.ts';
import { checkVmRequest } from '../vm-request.ts';

type View = RouteResult<'explainSet'>;

function shown(members: readonly MemberPlacement[]): View['members'] {
  return members.map(({ displaces, ...member }) => ({ ...member, displaces: [...displaces] }));
}

/** `GET /v1/sets/:name/placement` */
export async function explainSet(call: Call<'explainSet'>): Promise<View> {
  const { consistency } = call.query;
  const { name } = call.params;
  const state = await call.stateFor(consistency);
  const set = state.vmSet(name);
  if (set === undefined) throw unknownSet(state, name);
  const { places, excess } = setProgress(state, set);
  const vms = [...places, ...excess].flatMap(({ vm }) => vm ?? []);
  const members = shown(placeTogether(state, vms, call.backend.local().hostId ?? 0));
  return { name, replicas: set.replicas, members, index: state.index, stale: consistency === 'stale' };
}

type Body = Call<'planSet'>['body'];

/** The members of a set that is not there yet. Throws what the request would be refused with. */
function draftMembers(state: ClusterState, cluster: Cluster, { name, template, replicas, power }: Body): Vm[] {
  const at = { index: state.index, atMs: Date.now() };
  return Array.from({ length: replicas }, (_, ordinal): Vm => {
    const spec = memberSpec(name, template);
    const member = { name: memberName(name, ordinal), uid: `plan.${ordinal}`, spec, power };
    if (state.vm(member.name) !== undefined) {
      const message = `there is a VM ${member.name}, which would not be of the set ${name}: choose another name`;
      throw new N3xError('N3X_CONFLICT', message, { details: { name: member.name } });
    }
    const draft = draftVm(state, { ...cluster, nextVmOrdinal: cluster.nextVmOrdinal + ordinal }, member, at);
    if (draft.type !== 'refused') return draft.vm;
    const { verdict } = draft;
    if (verdict.ok) throw new N3xError('N3X_INTERNAL', `VM ${member.name} was refused without a reason`);
    const { code, message, details } = verdict.error;
    throw new N3xError(code, message, { details: { ...details } });
  });
}

/** `POST /v1/sets/plan` */
export async function planSet(call: Call<'planSet'>): Promise<View> {
  const { body } = call;
  const { name, replicas, template } = body;
  checkVmRequest({ spec: template });
  const state = await call.stateFor('linearizable');
  if (state.vmSet(name) !== undefined || state.vm(name) !== undefined) {
    const what = state.vm(name) === undefined ? 'set' : 'VM';
    const message = `there is a ${what} ${name} already: \`n3xctl vm explain ${name}\` says where it is`;
    throw new N3xError('N3X_CONFLICT', message, { details: { name } });
  }
  const vms = draftMembers(state, state.cluster, body);
  const over = setQuotaExcess(state, name, template, replicas);
  const most = over?.allowed ?? replicas;
  const members = shown(placeTogether(state, vms.slice(0, most), call.backend.local().hostId ?? 0));
  const rest = vms.slice(most).map((vm) => ({
    ...{ name: vm.name, host: null, choice: null, displaces: [] },
    summary: over?.message ?? '',
  }));
  return { name, replicas, members: [...members, ...rest], index: state.index, stale: false };
}
