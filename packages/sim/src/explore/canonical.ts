/**
 * Plain data of Raft as text, the same for equal data, with the nodes renamed: by its text under a
 * permutation of the nodes a state is found to be another one's mirror image.
 */
import type { NodeId } from '@n3x/core/raft/types';

/** Another name for every node. Zero and the storage's addresses keep theirs. */
export type Renaming = (id: NodeId) => NodeId;

/** No renaming. */
export const AS_IT_IS: Renaming = (id) => id;

/** Fields that hold a node. */
const NODES = new Set(['id', 'from', 'to', 'vote', 'leader', 'leadTransferee', 'node']);
/** Fields that hold an ascending list of nodes. */
const NODE_LISTS = new Set(['voters', 'votersOutgoing', 'learners', 'learnersNext']);

/** The text of `value`. Lists of members (objects with an `id`) are put in the order of their new names. */
export function canonical(value: unknown, rename: Renaming): string {
  switch (typeof value) {
    case 'string':
      return JSON.stringify(value);
    case 'number':
    case 'boolean':
      return String(value);
    case 'undefined':
      return '';
    case 'object':
      break;
    default:
      throw new Error(`a ${typeof value} is no plain data`);
  }
  if (value === null) return '-';
  if (value instanceof Uint8Array) return `"${String.fromCharCode(...value)}"`;
  if (Array.isArray(value)) return list(value, rename);
  return record(value, rename);
}

function list(values: readonly unknown[], rename: Renaming): string {
  const ordered = values.every(isMember) ? values.toSorted((a, b) => rename(a.id) - rename(b.id)) : values;
  return `[${ordered.map((value) => canonical(value, rename)).join(',')}]`;
}

function isMember(value: unknown): value is { readonly id: NodeId } {
  return typeof value === 'object' && value !== null && 'id' in value && typeof value.id === 'number';
}

function record(value: object, rename: Renaming): string {
  let text = '{';
  // Optional fields come in any order, by who made the object.
  for (const [name, field] of Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (field === undefined) continue;
    text += `${name}:`;
    if (NODES.has(name) && typeof field === 'number') text += String(rename(field));
    else if (NODE_LISTS.has(name) && Array.isArray(field)) text += nodes(field, rename);
    else text += canonical(field, rename);
    text += ' ';
  }
  return `${text}}`;
}

function nodes(ids: readonly unknown[], rename: Renaming): string {
  const renamed = ids.map((id) => (typeof id === 'number' ? rename(id) : 0));
  return `(${renamed.sort((a, b) => a - b).join(' ')})`;
}

/** Every renaming of the nodes 1 to `count` that leaves `fixed` as they are; the first leaves all. */
export function renamings(count: number, fixed: ReadonlySet<NodeId>): Renaming[] {
  const free = Array.from({ length: count }, (_, i) => i + 1).filter((id) => !fixed.has(id));
  return permutations(free).map((order) => {
    const names = new Map(free.map((id, at) => [id, order[at] ?? id]));
    return (id) => names.get(id) ?? id;
  });
}

function permutations(ids: readonly NodeId[]): NodeId[][] {
  if (ids.length <= 1) return [[...ids]];
  return ids.flatMap((first) => permutations(ids.filter((id) => id !== first)).map((rest) => [first, ...rest]));
}
