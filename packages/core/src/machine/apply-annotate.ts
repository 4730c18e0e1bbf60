/** Annotations: texts that users and programs keep with an object, and that n3x itself never reads. */
import { ERROR_CODES } from '../base/errors.ts';
import type { Host } from '../model/host.ts';
import { ANNOTATIONS_MAX, type AnnotationChanges, type Annotations } from '../model/names.ts';
import type { Project } from '../model/project.ts';
import type { Vm } from '../model/vm.ts';
import type { Command } from './command.ts';
import type { Transaction } from './transaction.ts';
import { done, no, notFound, overtaken, unchanged, type Verdict } from './verdict.ts';

/** Keys and values of one object's annotations together, in UTF-16 units. */
export const ANNOTATIONS_TOTAL_MAX = 65_536;

/** `before` with the changes, or undefined when they change nothing. Keys are in code-unit order. */
function merged(before: Annotations, set: AnnotationChanges): Annotations | undefined {
  const after = new Map(Object.entries(before));
  let changed = false;
  for (const [key, value] of Object.entries(set)) {
    if (value === null) changed = after.delete(key) || changed;
    else if (after.get(key) !== value) {
      after.set(key, value);
      changed = true;
    }
  }
  if (!changed) return undefined;
  return Object.fromEntries([...after].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function sizeOf(annotations: Annotations): number {
  let size = 0;
  for (const [key, value] of Object.entries(annotations)) size += key.length + value.length;
  return size;
}

function named(tx: Transaction, kind: 'vm' | 'host' | 'project', name: string): Vm | Host | Project | undefined {
  switch (kind) {
    case 'vm':
      return tx.state.vm(name);
    case 'host':
      return tx.state.hostByName(name);
    case 'project':
      return tx.state.project(name);
  }
}

/** `annotate`. Leaves the generation as it is: nothing has to be done about it. */
export function applyAnnotate(tx: Transaction, command: Extract<Command, { type: 'annotate' }>): Verdict {
  const { kind, name, set, ifModifiedIndex } = command;
  const what = kind === 'vm' ? 'VM' : kind;
  const object = named(tx, kind, name);
  if (object === undefined) return notFound(what, name, `\`n3xctl ${kind} list\` shows those that do`);
  const late = overtaken(what, object, ifModifiedIndex);
  if (late !== undefined) return late;
  const annotations = merged(object.annotations ?? {}, set);
  if (annotations === undefined) return unchanged();
  const count = Object.keys(annotations).length;
  if (count > ANNOTATIONS_MAX || sizeOf(annotations) > ANNOTATIONS_TOTAL_MAX) {
    return no(
      ERROR_CODES.refused,
      `${what} ${name} would have ${count} annotations of ${sizeOf(annotations)} characters: at most ${ANNOTATIONS_MAX} of ${ANNOTATIONS_TOTAL_MAX} together. Take some away with KEY-`,
      { name, count },
    );
  }
  const { annotations: _, ...rest } = object;
  const next = count === 0 ? rest : { ...rest, annotations };
  if (next.kind === 'vm') tx.putVm(next);
  else if (next.kind === 'project') tx.putProject(next);
  else tx.putHost(next);
  return done();
}
