/** Where VMs run: why, where one would, and where a user wants it. */
import type { RouteResult } from '@n3x/core/api/routes';
import { N3xError } from '@n3x/core/base/errors';
import { draftVm } from '@n3x/core/machine/apply-vm';
import { explainPlacement } from '@n3x/core/scheduler/explain';
import { type DecisionExplanation, explainDecision } from '@n3x/core/scheduler/explain-decision';
import { type Call, unknownVm } from '../call.ts';
import { vmView } from '../views.ts';
import { checkVmRequest } from '../vm-request.ts';

type View = RouteResult<'explainVm'>;
type Explained = ReturnType<typeof explainPlacement> & Partial<Pick<DecisionExplanation, 'decision'>>;

/** The answer shares nothing with the state, as its schema has it. */
function shown(explanation: Explained, asOf: View['asOf'], index: number, stale: boolean): View {
  const { displaces, hosts, decision, ...rest } = explanation;
  const opinions = hosts.map(({ rules, parts, ...host }) => ({ ...host, rules: [...rules], parts: [...parts] }));
  const facts = decision === undefined || decision === null ? null : { ...decision, excluded: [...decision.excluded] };
  return { ...rest, asOf, displaces: [...displaces], hosts: opinions, decision: facts, index, stale };
}

/** `GET /v1/vms/:name/placement` */
export async function explainVm(call: Call<'explainVm'>): Promise<View> {
  const { asOf, consistency } = call.query;
  const state = await call.stateFor(consistency);
  const vm = state.vm(call.params.name);
  if (vm === undefined) throw unknownVm(state, call.params.name);
  const explanation = asOf === 'decision' ? explainDecision(state, vm) : explainPlacement(state, vm);
  return shown(explanation, asOf, state.index, consistency === 'stale');
}

/** `POST /v1/vms/plan` */
export async function planVm(call: Call<'planVm'>): Promise<View> {
  checkVmRequest(call.body);
  const state = await call.stateFor('linearizable');
  const { name, spec, power } = call.body;
  const at = { index: state.index, atMs: Date.now() };
  const draft = draftVm(state, state.cluster, { name, uid: 'plan', spec, power }, at);
  if (draft.type !== 'refused') return shown(explainPlacement(state, draft.vm), 'now', state.index, false);
  const { verdict } = draft;
  if (verdict.ok) throw new N3xError('N3X_INTERNAL', `VM ${name} was refused without a reason`);
  const { code, message, details } = verdict.error;
  throw new N3xError(code, message, { details: { ...details } });
}

/** `POST /v1/vms/:name/place` */
export async function placeVm(call: Call<'placeVm'>): Promise<RouteResult<'placeVm'>> {
  const { name } = call.params;
  const { ifModifiedIndex } = call.query;
  const condition = ifModifiedIndex === undefined ? {} : { ifModifiedIndex };
  const { changed, index } = await call.command({ type: 'vmPlace', name, host: call.body.host, ...condition });
  const state = await call.stateAt(index);
  const vm = state.vm(name);
  if (vm === undefined) throw unknownVm(state, name);
  return { vm: vmView(state, vm), changed, index };
}
