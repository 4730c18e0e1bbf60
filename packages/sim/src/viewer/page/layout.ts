/** Where on the picture what is drawn, from top to bottom. */
import type { RunModel } from './run-model.ts';
import { pack } from './search.ts';

/** A part of the picture. */
export interface Area {
  readonly top: number;
  readonly height: number;
}

/** Rows of one height below each other. */
export interface Rows extends Area {
  readonly row: number;
  readonly count: number;
}

/** Everything's place. */
export interface Layout {
  /** Where names end and time begins. */
  readonly left: number;
  readonly width: number;
  readonly height: number;
  readonly axis: Area;
  readonly faults: Rows;
  /** Row of every fault. Those beyond the last row are not drawn there. */
  readonly faultRows: readonly number[];
  readonly leader: Area;
  readonly hosts: readonly (Area & { readonly band: Area })[];
  readonly clients: Rows;
  readonly vms: Rows;
}

const LEFT = 92;
const RIGHT = 12;
const GAP = 8;
const AXIS = 34;
const BAND = 17;
const LEADER_HEIGHT = 18;
const FAULT_ROW = 15;
const FAULT_ROWS_MAX = 6;
const LANE_MIN = 54;
/** Heights of a row of clients or VMs, by how many there are. */
const ROW = 8;
const THIN_ROW = 5;
const ROWS_MAX = 16;

function rows(top: number, count: number): Rows {
  const shown = Math.min(count, ROWS_MAX);
  const row = count > 8 ? THIN_ROW : ROW;
  return { top, row, count: shown, height: shown * row };
}

/** Lays the picture out for this width and at least this height. */
export function layOut(model: RunModel, width: number, least: number): Layout {
  // A fault is drawn at least as wide as a mark: what is close is put below each other.
  const faultRows = pack(model.faults, model.recording.endUs / 400);
  const faultCount = Math.min(FAULT_ROWS_MAX, Math.max(0, ...faultRows.slice(0, 100_000)) + 1);
  const axis = { top: 0, height: AXIS };
  const shown = model.faults.length === 0 ? 0 : faultCount;
  const faults = { top: AXIS + 2, row: FAULT_ROW, count: shown, height: shown * FAULT_ROW };
  const leader = { top: faults.top + faults.height + (shown > 0 ? GAP : 0), height: LEADER_HEIGHT };
  const clients = rows(0, model.clients.length);
  const vms = rows(0, model.vmNames.length);
  const below = [clients, vms].reduce((sum, { height }) => sum + (height > 0 ? height + 2 * GAP : 0), 2 * GAP);
  const top = leader.top + leader.height + GAP;
  const count = Math.max(1, model.recording.hosts.length);
  const lane = Math.max(LANE_MIN, Math.floor((least - top - below) / count));
  const hosts = model.recording.hosts.map((_, host) => {
    const mine = { top: top + host * lane, height: lane };
    return { ...mine, band: { top: mine.top + 10, height: BAND } };
  });
  const clientsTop = top + count * lane + GAP;
  const vmsTop = clientsTop + clients.height + (clients.height > 0 ? 2 * GAP : 0);
  return {
    ...{ left: LEFT, width: Math.max(1, width - LEFT - RIGHT), axis, faults, faultRows, leader, hosts },
    clients: { ...clients, top: clientsTop },
    vms: { ...vms, top: vmsTop },
    height: Math.max(least, vmsTop + vms.height + GAP),
  };
}
