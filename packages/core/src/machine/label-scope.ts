/**
 * Labels as rules about neighbours see them: those of a VM's own project only. Two projects that both call something
 * `app=web` have nothing to do with each other.
 */

import type { Labels } from '../model/names.ts';
import { type LabelPair, labelPairs } from '../model/placement.ts';
import type { Vm } from '../model/vm.ts';
import { DEFAULT_PROJECT, projectOf } from '../model/vm-name.ts';

type Labelled = Pick<Vm, 'name' | 'spec'>;

/** A label with the project it is counted in: `shop:app=web`, in the project `default` just the label. Keys have no colon. */
export function inProject({ name }: Pick<Vm, 'name'>, pair: LabelPair): LabelPair {
  const project = projectOf(name);
  return project === DEFAULT_PROJECT ? pair : `${project}:${pair}`;
}

/** The labels that were asked for last, with the project that they were asked for in: most are asked for several times in a row. */
let last: { readonly labels: Labels; readonly project: string; readonly pairs: readonly LabelPair[] } | undefined;

/** The labels of a VM, each with its project. */
export function pairsInProject({ name, spec }: Labelled): readonly LabelPair[] {
  const project = projectOf(name);
  if (project === DEFAULT_PROJECT) return labelPairs(spec.labels);
  if (last?.labels !== spec.labels || last.project !== project) {
    const pairs = labelPairs(spec.labels).map((pair) => `${project}:${pair}`);
    last = { labels: spec.labels, project, pairs };
  }
  return last.pairs;
}
