/** What happened in a part of the run, as lines in the order of time. */
import { ROLES } from './recording.ts';
import type { RunModel } from './run-model.ts';
import { lowerBound } from './search.ts';
import { messageContent, writeText } from './texts.ts';

/** One line. */
export interface EventLine {
  readonly at: number;
  readonly text: string;
}

/** Lines of each kind that are looked at. */
const EACH_MAX = 400;

/**
 * The events between two times, and whether there were more than `most`, or than `eachMax` of a kind. `rows` are the
 * messages in view, if they are few.
 */
export function eventsBetween(
  model: RunModel,
  from: number,
  until: number,
  rows: readonly number[] | undefined,
  most: number,
  eachMax = EACH_MAX,
): { readonly lines: readonly EventLine[]; readonly more: boolean } {
  const lines: EventLine[] = [];
  let skipped = false;
  const isIn = (at: number): boolean => at >= from && at <= until;
  const add = (found: readonly EventLine[]): void => {
    skipped ||= found.length > eachMax;
    for (const line of found.slice(0, eachMax)) lines.push(line);
  };
  const { recording, tables } = model;
  add(
    model.roles.flatMap((spans, host) =>
      spans
        .filter(({ from: at }) => isIn(at))
        .map(({ from: at, role, term }) => ({
          at,
          text: `${recording.hosts[host]} ${ROLES[role]}${term > 0 ? ` in term ${term}` : ''}`,
        })),
    ),
  );
  add(model.faults.filter(({ from: at }) => isIn(at)).map(({ from: at, text }) => ({ at, text: `fault: ${text}` })));
  const { notes, writes } = tables;
  add(notes.at.flatMap((at, row) => (isIn(at) ? [{ at, text: recording.texts[notes.text[row] ?? 0] ?? '' }] : [])));
  add(
    model.operations.flatMap(({ from: asked, until: ended, client, asked: what, answered }) => [
      ...(isIn(asked) ? [{ at: asked, text: `client ${client} asks ${what}` }] : []),
      ...(isIn(ended) && answered !== '' ? [{ at: ended, text: `client ${client} is told ${answered}` }] : []),
    ]),
  );
  if (rows !== undefined) {
    const first = lowerBound(writes.at, from);
    const end = Math.min(lowerBound(writes.at, until), first + eachMax + 1);
    add(
      Array.from({ length: Math.max(0, end - first) }, (_, place) => ({
        at: writes.at[first + place] ?? 0,
        text: writeText(model, first + place),
      })),
    );
    const { messages } = tables;
    const name = (host: number | undefined): string => recording.hosts[host ?? 0] ?? '';
    add(
      rows.slice(0, eachMax + 1).map((row) => ({
        at: messages.sent[row] ?? 0,
        text: `${name(messages.from[row])} → ${name(messages.to[row])} ${messageContent(model, row)}`,
      })),
    );
  }
  lines.sort((a, b) => a.at - b.at);
  return { lines: lines.slice(0, most), more: skipped || lines.length > most };
}
