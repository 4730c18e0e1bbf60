/** Draws what is around the hosts: time, faults, clients, VMs, and the violation. */
import { FONT, fitText, nameText, type Scene, SMALL_FONT } from './scene.ts';
import { lengthText, timeText } from './texts.ts';

/** Steps between two marks of time, in microseconds. */
const STEPS = [1, 2, 5]
  .flatMap((digit) => Array.from({ length: 9 }, (_, power) => digit * 10 ** power))
  .concat([60, 120, 300, 600, 1_200, 3_600, 7_200].map((seconds) => seconds * 1_000_000));
/** Least pixels between two marks. */
const MARK_GAP = 90;

/** The badges of the violation that are in view, each with its place and its time. */
function badgesOf({ context, model, view }: Scene): { text: string; at: number; left: number; width: number }[] {
  const { verdict } = model.recording;
  if (verdict === undefined) return [];
  const { happenedUs, atUs, rule } = verdict;
  const isLater = atUs - happenedUs > 1_000;
  const moments = [{ at: happenedUs, text: rule }, ...(isLater ? [{ at: atUs, text: 'found' }] : [])];
  context.font = `600 ${FONT}`;
  return moments
    .filter(({ at }) => at >= view.from && at <= view.until)
    .map(({ at, text }) => {
      const width = context.measureText(text).width + 12;
      return { at, text, width, left: Math.max(view.left, Math.min(view.x(at) - width / 2, view.right - width)) };
    });
}

/** Marks of time, and which part of the run this is. */
export function drawAxis(scene: Scene): void {
  const { context, model, view, layout, palette } = scene;
  const least = (view.span / layout.width) * MARK_GAP;
  const step = STEPS.filter((one) => one >= least).sort((a, b) => a - b)[0] ?? view.span;
  const [begin, end] = model.recording.workUs;
  const parts = [
    { text: 'set-up', from: 0, until: begin },
    { text: 'load and faults', from: begin, until: end },
    { text: 'rest: nothing goes wrong any more', from: end, until: model.recording.endUs },
  ];
  const badges = badgesOf(scene);
  context.textBaseline = 'middle';
  context.font = SMALL_FONT;
  parts.forEach(({ text, from, until }, at) => {
    if (until <= from || until < view.from || from > view.until) return;
    const [left, right] = [Math.max(view.left, view.x(from)), Math.min(view.right, view.x(until))];
    if (at !== 1) {
      context.fillStyle = palette.lane;
      context.fillRect(left, 0, right - left, layout.height);
    }
    context.fillStyle = palette.faint;
    context.fillRect(left, 0, 1, 14);
    const badge = Math.min(...badges.map((one) => one.left).filter((place) => place > left), right);
    fitText(context, text, left + 5, 8, badge - left - 8);
  });
  context.font = FONT;
  let taken = 0;
  for (let at = Math.ceil(view.from / step) * step; at <= view.until; at += step) {
    const x = view.x(at);
    context.fillStyle = palette.grid;
    context.fillRect(x, 16, 1, layout.height);
    context.fillStyle = palette.ink;
    const text = timeText(at, step * 4);
    const width = context.measureText(text).width;
    const place = Math.min(Math.max(view.left, x - width / 2), view.right - width);
    if (place < taken) continue;
    context.fillText(text, place, 24);
    taken = place + width + 10;
  }
}

/** Faults as spans, packed into rows. */
export function drawFaults(scene: Scene): void {
  const { context, model, view, layout, palette } = scene;
  const { top, row, count } = layout.faults;
  if (count === 0) return;
  nameText(scene, 'faults', top + row / 2);
  context.font = SMALL_FONT;
  context.textBaseline = 'middle';
  const ends = Array.from({ length: count }, () => view.left);
  const order: number[] = [];
  model.faults.forEach((fault, at) => {
    if (fault.until >= view.from && fault.from <= view.until && (layout.faultRows[at] ?? 0) < count) order.push(at);
  });
  // How far a text may reach: to the next fault of its row.
  const nextInRow = new Map<number, number>();
  const limits = new Map<number, number>();
  for (const at of order.toReversed()) {
    const line = layout.faultRows[at] ?? 0;
    limits.set(at, nextInRow.get(line) ?? view.right);
    nextInRow.set(line, view.x(model.faults[at]?.from ?? 0));
  }
  for (const at of order) {
    const fault = model.faults[at];
    if (fault === undefined) continue;
    const line = layout.faultRows[at] ?? 0;
    const y = top + line * row;
    const left = Math.max(view.left, view.x(fault.from), ends[line] ?? 0);
    const right = Math.max(left + 3, Math.min(view.right, view.x(fault.until)));
    context.fillStyle = fault.until > fault.from ? palette.faultBack : palette.fault;
    context.fillRect(left, y + 1, right - left, row - 3);
    context.fillStyle = palette.fault;
    context.fillRect(left, y + 1, 2, row - 3);
    context.fillStyle = palette.ink;
    fitText(context, fault.text, left + 6, y + row / 2, (limits.get(at) ?? view.right) - left - 12);
    ends[line] = left;
  }
}

/** Operations of clients, a row for each client. */
export function drawClients(scene: Scene): void {
  const { context, model, view, layout, palette } = scene;
  const { top, row, count, height } = layout.clients;
  if (count === 0) return;
  nameText(scene, 'clients', top + height / 2);
  for (const { from, until, client, outcome } of model.operations) {
    if (until < view.from || from > view.until) continue;
    const line = model.clients.indexOf(client) % count;
    const left = Math.max(view.left, view.x(from));
    const width = Math.max(1, Math.min(view.right, view.x(until)) - left - 0.5);
    context.fillStyle = palette.outcomes[outcome] ?? palette.faint;
    context.fillRect(left, top + line * row + 1, width, row - 2);
  }
}

/** VMs and the hosts that they run on. */
export function drawVms(scene: Scene): void {
  const { context, model, view, layout, palette } = scene;
  const { top, row, count, height } = layout.vms;
  if (count === 0) return;
  nameText(scene, 'VMs', top + height / 2);
  for (const { from, until, host, name } of model.vms) {
    if (until < view.from || from > view.until) continue;
    const line = model.vmNames.indexOf(name) % count;
    const left = Math.max(view.left, view.x(from));
    context.fillStyle = palette.hosts[host % palette.hosts.length] ?? palette.faint;
    context.fillRect(left, top + line * row + 1, Math.max(1, Math.min(view.right, view.x(until)) - left), row - 2);
  }
}

/** The moment of the violation, and the one in which it was found if that is another. */
export function drawViolation(scene: Scene): void {
  const { context, view, layout, palette } = scene;
  for (const { at, text, left, width } of badgesOf(scene)) {
    const x = view.x(at);
    context.strokeStyle = palette.violation;
    context.lineWidth = 1.5;
    context.setLineDash([6, 4]);
    context.beginPath();
    context.moveTo(x, 18);
    context.lineTo(x, layout.height);
    context.stroke();
    context.setLineDash([]);
    context.font = `600 ${FONT}`;
    context.fillStyle = palette.violation;
    context.fillRect(left, 0, width, 17);
    context.fillStyle = palette.back;
    context.textBaseline = 'middle';
    context.fillText(text, left + 6, 9);
  }
}

/** The pointer's time. */
export function drawPointer({ context, view, layout, palette }: Scene, x: number): void {
  if (x < view.left || x > view.right) return;
  context.fillStyle = palette.faint;
  context.globalAlpha = 0.6;
  context.fillRect(x, 18, 1, layout.height);
  context.globalAlpha = 1;
  const text = timeText(view.time(x), view.span / 40);
  context.font = FONT;
  const width = context.measureText(text).width + 10;
  const left = Math.max(view.left, Math.min(x - width / 2, view.right - width));
  context.fillStyle = palette.ink;
  context.fillRect(left, 16, width, 17);
  context.fillStyle = palette.back;
  context.textBaseline = 'middle';
  context.fillText(text, left + 5, 25);
}

/** A part that is being chosen. */
export function drawChosen({ context, layout, palette, view }: Scene, from: number, until: number): void {
  const [left, right] = [Math.min(from, until), Math.max(from, until)];
  context.fillStyle = palette.accent;
  context.globalAlpha = 0.18;
  context.fillRect(left, 0, right - left, layout.height);
  context.globalAlpha = 1;
  context.font = FONT;
  context.fillText(lengthText(view.time(right) - view.time(left)), left + 4, layout.height - 12);
}

/** The whole run in little, with the part in view. */
export function drawOverview(scene: Scene, height: number): void {
  const { context, model, view, layout, palette } = scene;
  const scale = (us: number): number => layout.left + (us / view.endUs) * layout.width;
  nameText(scene, 'whole run', height / 2);
  const columns = Math.max(1, Math.floor(layout.width / 2));
  const counts = new Float64Array(columns);
  const { density } = model.tables;
  density.slice.forEach((slice, row) => {
    const column = Math.min(columns - 1, Math.floor(((slice + 0.5) * model.recording.sliceUs * columns) / view.endUs));
    counts[column] = (counts[column] ?? 0) + (density.count[row] ?? 0);
  });
  const max = Math.max(1, ...counts);
  context.fillStyle = palette.kinds.heartbeats;
  counts.forEach((count, column) => {
    const tall = (count / max) * (height - 22);
    context.fillRect(layout.left + column * 2, height - 4 - tall, 2, tall);
  });
  for (const { from, until, host } of model.leaders) {
    context.fillStyle = palette.hosts[host % palette.hosts.length] ?? palette.faint;
    context.fillRect(scale(from), 4, Math.max(1, scale(until) - scale(from) - 0.5), 5);
  }
  context.fillStyle = palette.fault;
  for (const { from } of model.faults) context.fillRect(scale(from), 11, 1, 4);
  const { verdict } = model.recording;
  if (verdict !== undefined) {
    context.fillStyle = palette.violation;
    context.fillRect(scale(verdict.happenedUs) - 1, 2, 2.5, height - 4);
  }
  const [left, right] = [scale(view.from), scale(view.until)];
  context.fillStyle = palette.accent;
  context.globalAlpha = 0.16;
  context.fillRect(left, 1, Math.max(3, right - left), height - 2);
  context.globalAlpha = 1;
  context.strokeStyle = palette.accent;
  context.lineWidth = 1.5;
  context.strokeRect(left, 1, Math.max(3, right - left), height - 2);
}
