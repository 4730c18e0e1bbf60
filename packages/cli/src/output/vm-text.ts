/** VMs as text for people. */
import type { VmView } from '@n3x/core/api/schemas';
import { allocatedTexts } from '@n3x/core/model/allocated-texts';
import { DEFAULT_PROJECT } from '../arguments/project-name.ts';
import { formatAge, formatSpan, formatTime } from './age.ts';
import { annotationFields } from './annotation-fields.ts';
import { careFields } from './health-text.ts';
import { formatMemory } from './memory.ts';
import { type Column, printable, renderFields, renderTable } from './table.ts';
import type { Paint, Tone } from './terminal.ts';

/** How a phase is painted. */
export const PHASE_TONES: Readonly<Record<VmView['phase'], Tone>> = {
  pending: 'busy',
  building: 'busy',
  starting: 'busy',
  running: 'good',
  unhealthy: 'bad',
  stopping: 'busy',
  stopped: 'faint',
  failed: 'bad',
  lost: 'bad',
};

/** Characters of a reason in a table; the whole is in `vm show` and with `-o wide`. */
const REASON_WIDTH = 72;
/** More than any reason has. */
const REASON_LENGTH_MAX = 2048;

function shorten(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 1)}…`;
}

/** What it takes: as evaluated, else as asked for. */
function resources(vm: VmView): { vcpu: number; memoryMib: number } {
  return vm.status.evaluated ?? { vcpu: vm.spec.vcpu, memoryMib: vm.spec.memoryMib };
}

/** Where the guest comes from. */
export function sourceText(vm: VmView): string {
  const { source } = vm.spec;
  return source.kind === 'flake' ? `${source.ref}#${source.attribute}` : `inline (${source.hypervisor})`;
}

function portsText(vm: VmView): string {
  return vm.ports.map((port) => `${port.hostPort}->${port.guestPort}/${port.protocol}`).join(', ');
}

function labelsText(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(', ');
}

/** Why it is in its phase; empty when there is nothing to explain. */
export function reasonText(status: Pick<VmView['status'], 'reason' | 'message'>): string {
  const message = printable(status.message);
  if (status.reason === '') return message;
  return message === '' ? status.reason : `${status.reason}: ${message}`;
}

/** One line after a change: what was done, and how it stands. */
export function vmLine(vm: VmView, done: string): string {
  const where = vm.hostName === null ? '' : ` on ${vm.hostName}`;
  const ports = vm.ports.length === 0 || vm.hostName === null ? '' : `, ports ${portsText(vm)}`;
  const phase = vm.deleting ? 'being deleted' : vm.phase;
  const why = vm.phase === 'running' || vm.phase === 'stopped' ? '' : reasonText(vm.status);
  return `vm ${vm.name}: ${done} (${phase}${where}${ports})${why === '' ? '' : `: ${why}`}\n`;
}

/** Its host, and the one that it moves to. */
function hostText(vm: VmView): string {
  const host = vm.hostName ?? '-';
  return vm.movingTo === undefined ? host : `${host} -> ${vm.movingTo}`;
}

function columns(paint: Paint, nowMs: number, reasonWidth: number): Column<VmView>[] {
  return [
    { head: 'NAME', cell: (vm) => vm.name },
    { head: 'PHASE', cell: (vm) => paint(PHASE_TONES[vm.phase], vm.deleting ? `${vm.phase} (deleting)` : vm.phase) },
    { head: 'HOST', cell: hostText },
    { head: 'VCPU', cell: (vm) => String(resources(vm).vcpu) },
    { head: 'MEMORY', cell: (vm) => formatMemory(resources(vm).memoryMib) },
    { head: 'PORTS', cell: (vm) => portsText(vm) || '-' },
    { head: 'AGE', cell: (vm) => formatAge(vm.createdAtMs, nowMs) },
    { head: 'PROJECT', wide: true, cell: (vm) => vm.project },
    { head: 'SINCE', wide: true, cell: (vm) => formatAge(vm.status.sinceMs, nowMs) },
    { head: 'ADDRESSES', wide: true, cell: (vm) => allocatedTexts(vm.allocation.addresses).join(', ') || '-' },
    { head: 'POWER', wide: true, cell: (vm) => vm.power },
    { head: 'RESTARTED', wide: true, cell: (vm) => String(vm.status.startedAgain ?? 0) },
    { head: 'EPOCH', wide: true, cell: (vm) => (vm.assignment === null ? '-' : String(vm.assignment.epoch)) },
    { head: 'SOURCE', wide: true, cell: sourceText },
    { head: 'LABELS', wide: true, cell: (vm) => labelsText(vm.spec.labels) || '-' },
    { head: 'SET', wide: true, cell: (vm) => vm.memberOf?.set ?? '-' },
    { head: 'REASON', cell: (vm) => (vm.phase === 'running' ? '' : shorten(reasonText(vm.status), reasonWidth)) },
  ];
}

/** The list of VMs as a table. */
export function vmTable(vms: readonly VmView[], paint: Paint, nowMs: number, wide: boolean): string {
  return renderTable(columns(paint, nowMs, wide ? REASON_LENGTH_MAX : REASON_WIDTH), vms, wide);
}

/** Where a volume is, once it was made. */
function volumePlace(vm: VmView, name: string): string {
  const volume = vm.volumes?.find((one) => one.name === name);
  if (volume === undefined) return '';
  const kept = volume.keep === true ? ', kept' : '';
  const pool = volume.pool === 'default' ? '' : ` in pool ${volume.pool}`;
  return volume.created ? `, ${volume.uid} on ${volume.place?.host ?? 'no host'}${pool}${kept}` : `${pool}${kept}`;
}

function inlineFields(vm: VmView): (readonly [string, string])[] {
  const { source } = vm.spec;
  if (source.kind === 'flake') return [];
  return [
    ...source.volumes.map((volume): readonly [string, string] => [
      `Volume ${volume.name}`,
      `${formatMemory(volume.sizeMib)} ${volume.fsType}${volume.mountPoint === undefined ? '' : ` on ${volume.mountPoint}`}${volumePlace(vm, volume.name)}`,
    ]),
    ...source.modules.map((module): readonly [string, string] => [
      'Module',
      module.kind === 'flake' ? `${module.ref}#${module.attribute}` : printable(module.name),
    ]),
    ...(source.nixpkgs === undefined ? [] : [['Nixpkgs', source.nixpkgs] as const]),
    ...(source.microvm === undefined ? [] : [['microvm.nix', source.microvm] as const]),
  ];
}

function interfaceFields(vm: VmView): (readonly [string, string])[] {
  const { source } = vm.spec;
  if (source.kind === 'flake') {
    return (vm.allocation.addresses ?? []).map((given): readonly [string, string] => [
      `Network ${given.network}`,
      allocatedTexts([given]).join(', '),
    ]);
  }
  return vm.allocation.macs.map((mac, position): readonly [string, string] => {
    const asked = source.interfaces[position];
    const given = vm.allocation.addresses?.filter((one) => one.position === position) ?? [];
    const network = given.map((one) => `on ${one.network} with ${allocatedTexts([one]).join(', ')}`).join();
    const routed = asked?.type === 'tap' && asked.routed ? 'routed' : '';
    const device = asked?.type === 'bridge' ? ` ${asked.bridge}` : asked?.type === 'macvtap' ? ` ${asked.link}` : '';
    return [
      `Interface ${position}`,
      [`${asked?.type ?? ''}${device}`, routed, vm.allocation.interfaceNames[position], mac, network]
        .filter(Boolean)
        .join(' '),
    ];
  });
}

function bootedText(status: VmView['status']): string | undefined {
  if (status.bootedRunner === undefined) return undefined;
  return status.bootedRunner === status.currentRunner ? 'the same' : status.bootedRunner;
}

/** The rules and wishes of its placement beyond its host and labels, as the flags that ask for them. */
function placementFields({ placement, priority, disposable }: VmView['spec']): [string, string | undefined][] {
  const { system, features, near, apart, limits, strategy, prefer, spread, pack, costWeight } = placement;
  const company = (wishes: typeof spread) =>
    wishes?.map(({ label, per, weight }) => `${label} per ${per}, weight ${weight}`).join('; ');
  return [
    ['System', system],
    ['Features', features?.join(', ')],
    ['Near', near?.join(', ')],
    ['Apart', apart?.join(', ')],
    ['At most', limits?.map(({ label, per, max }) => `${max} with ${label} per ${per}`).join('; ')],
    ['Strategy', strategy],
    ['Prefers', prefer?.map(({ label, weight }) => `${label}, weight ${weight}`).join('; ')],
    ['Spread', company(spread)],
    ['Pack', company(pack)],
    ['Cost weight', costWeight === undefined ? undefined : String(costWeight)],
    ['Priority', priority === undefined ? undefined : String(priority)],
    ['Disposable', disposable === undefined ? undefined : disposable ? 'yes' : 'no'],
  ];
}

/** What becomes of it once its host is lost. */
function failoverText({ failover, spec }: VmView): string {
  if (failover === 'stay') return 'stay: it waits for its host';
  const grace = spec.hostLossGraceSeconds ?? 0;
  return grace === 0 ? 'restart elsewhere' : `restart elsewhere, ${formatSpan(grace * 1000)} after its lease`;
}

/** Which build it is to run, where it has had another one. */
function buildText({ revision }: VmView): string | undefined {
  if (revision === undefined) return undefined;
  const { generation, state, restores, message } = revision;
  const back = restores === undefined ? '' : `, brings back generation ${restores}`;
  return `generation ${generation}, ${state}${back}${message === undefined ? '' : `: ${printable(message)}`}`;
}

/** Everything about one VM. */
export function vmDetails(vm: VmView, paint: Paint, nowMs: number): string {
  const { status, spec } = vm;
  const needs = resources(vm);
  return renderFields([
    ['Name', vm.name],
    ['Project', vm.project === DEFAULT_PROJECT ? undefined : vm.project],
    ['Phase', `${paint(PHASE_TONES[vm.phase], vm.phase)} for ${formatAge(status.sinceMs, nowMs)}`],
    ['Reason', reasonText(status)],
    ['Power', `${vm.power}${vm.deleting ? ', being deleted' : ''}`],
    ['Host', vm.hostName === null ? 'none' : hostText(vm)],
    ['Last move', vm.moveFailure === undefined ? undefined : `failed: ${printable(vm.moveFailure.message)}`],
    ['Epoch', vm.assignment === null ? undefined : String(vm.assignment.epoch)],
    ['Source', sourceText(vm)],
    ['Vcpu', String(needs.vcpu)],
    ['Memory', formatMemory(needs.memoryMib)],
    ...inlineFields(vm),
    ...interfaceFields(vm),
    ['Ports', portsText(vm)],
    ['vsock CID', String(vm.allocation.cid)],
    ...careFields(vm),
    ['Failover', failoverText(vm)],
    ['Only on', spec.placement.host],
    ['Requires', labelsText(spec.placement.requireLabels)],
    ...placementFields(spec),
    ['Labels', labelsText(spec.labels)],
    ...annotationFields(vm.annotations),
    ['PID', status.pid === undefined ? undefined : String(status.pid)],
    ['Runner', status.currentRunner],
    ['Booted', bootedText(status)],
    ['Set', vm.memberOf === undefined ? undefined : `${vm.memberOf.set}, revision ${vm.memberOf.template}`],
    ['Build', buildText(vm)],
    ['Restarts', `${vm.restarts} asked, ${status.observedRestarts} done`],
    ['Generation', `${vm.generation}, observed ${status.observedGeneration}`],
    ['Modified', `index ${vm.modifiedIndex}`],
    ['Created', `${formatTime(vm.createdAtMs)} (${formatAge(vm.createdAtMs, nowMs)} ago)`],
    ['UID', vm.uid],
  ]);
}
