/** What is under the pointer. */
import { arrowOf } from './draw-messages.ts';
import type { Scene } from './scene.ts';
import { lowerBound } from './search.ts';
import { faultText, hostText, leaderText, messageText, operationText, vmText, writeText } from './texts.ts';

/** Something that can be pointed at. */
export interface Picked {
  readonly text: string;
  /** The row of a message. */
  readonly message?: number;
}

/** Pixels from the pointer within which an arrow is meant. */
const NEAR = 6;

/** What lies at a place; `rows` are the messages that are drawn as arrows. */
export function pick(scene: Scene, x: number, y: number, rows: readonly number[] | undefined): Picked | undefined {
  const { model, view, layout } = scene;
  if (x < view.left || x > view.right) return undefined;
  const at = view.time(x);
  // Half a pixel's time, so that what is thinner than that can be met.
  const slack = (view.span / layout.width) * 2.5;
  const covers = ({ from, until }: { from: number; until: number }): boolean =>
    from - slack <= at && at <= until + slack;
  if (within(layout.faults, y)) {
    const line = Math.floor((y - layout.faults.top) / layout.faults.row);
    const fault = model.faults.findLast((one, place) => layout.faultRows[place] === line && covers(one));
    return fault === undefined ? undefined : { text: faultText(fault) };
  }
  if (within(layout.leader, y)) {
    const span = model.leaders.findLast(({ from, until }) => from <= at && at <= until);
    return { text: span === undefined ? 'nobody leads' : leaderText(model, span) };
  }
  if (within(layout.clients, y)) {
    const line = Math.floor((y - layout.clients.top) / layout.clients.row);
    const found = model.operations.findLast(
      (one) => model.clients.indexOf(one.client) % layout.clients.count === line && covers(one),
    );
    return found === undefined ? undefined : { text: operationText(found) };
  }
  if (within(layout.vms, y)) {
    const line = Math.floor((y - layout.vms.top) / layout.vms.row);
    const found = model.vms.findLast(
      (one) => model.vmNames.indexOf(one.name) % layout.vms.count === line && covers(one),
    );
    return found === undefined ? undefined : { text: vmText(model, found) };
  }
  const host = layout.hosts.findIndex(({ band }) => y >= band.top - 3 && y <= band.top + band.height + 3);
  if (host >= 0) return { text: [hostText(model, host, at), ...writesAt(scene, host, at, slack)].join('\n') };
  const message = rows === undefined ? undefined : nearest(scene, rows, x, y);
  if (message !== undefined) return { text: messageText(model, message), message };
  const lane = layout.hosts.findIndex((one) => within(one, y));
  return lane < 0 ? undefined : { text: hostText(model, lane, at) };
}

function within({ top, height }: { top: number; height: number }, y: number): boolean {
  return height > 0 && y >= top && y < top + height;
}

function writesAt({ model }: Scene, host: number, at: number, slack: number): string[] {
  const { writes } = model.tables;
  const found: string[] = [];
  const end = lowerBound(writes.at, at + slack);
  for (let row = lowerBound(writes.at, at - slack); row < end && found.length < 3; row++) {
    if (writes.host[row] === host) found.push(writeText(model, row));
  }
  return found;
}

function nearest(scene: Scene, rows: readonly number[], x: number, y: number): number | undefined {
  let best: number | undefined;
  let bestDistance = NEAR;
  for (const row of rows) {
    const arrow = arrowOf(scene, row);
    if (arrow === undefined) continue;
    const { x0, y0, x1, y1 } = arrow;
    const [dx, dy] = [x1 - x0, y1 - y0];
    const length = dx * dx + dy * dy;
    const share = length === 0 ? 0 : Math.max(0, Math.min(1, ((x - x0) * dx + (y - y0) * dy) / length));
    const distance = Math.hypot(x - (x0 + share * dx), y - (y0 + share * dy));
    if (distance >= bestDistance) continue;
    bestDistance = distance;
    best = row;
  }
  return best;
}
