/** Whether a VM is where a command wants it: a pure judgement of one state of it. */
import type { VmView } from '@n3x/core/api/schemas';
import { reasonText } from '../output/vm-text.ts';

/** Where a VM shall get to. */
export type VmGoal = 'running' | 'stopped' | 'gone' | 'updated';

/** What one state of a VM means for the goal. */
export type Verdict =
  | { readonly type: 'reached' }
  /** Not yet; `text` says how it stands. */
  | { readonly type: 'waiting'; readonly text: string }
  /** It will not get there, or not without help. */
  | { readonly type: 'failed'; readonly text: string; readonly log: 'build' | 'console' }
  /** Somebody else wanted something else meanwhile. */
  | { readonly type: 'overtaken'; readonly text: string };

/** The VM of which the goal is spoken, as it was when the command changed it. */
export type VmBaseline = Pick<VmView, 'uid' | 'generation' | 'restarts' | 'revision'>;

/** Reasons of a failure that the console explains and the build does not. */
const PROCESS_REASONS: ReadonlySet<string> = new Set(['Exited', 'GaveUp', 'StartFailed', 'StopFailed']);

/** How a VM stands, in a few words. */
export function stateText(vm: VmView): string {
  const where = vm.hostName === null ? '' : ` on ${vm.hostName}`;
  const why = reasonText(vm.status);
  return `${vm.phase}${where}${why === '' || vm.phase === 'running' ? '' : `: ${why}`}`;
}

/** Judges the build that a change asked for; undefined when it asked for none, or that has proved itself. */
function judgeBuild({ revision: wanted }: VmBaseline, vm: VmView): Verdict | undefined {
  const { revision } = vm;
  if (wanted === undefined || revision === undefined) return undefined;
  if (revision.generation > wanted.generation) {
    // Only n3x itself brings back what somebody has just replaced.
    if (revision.restores === undefined) return { type: 'overtaken', text: 'somebody else has changed it' };
    const text = `its new build failed, and it went back to that of generation ${revision.restores}`;
    return { type: 'failed', text, log: 'build' };
  }
  if (revision.state === 'failed')
    return { type: 'failed', text: revision.message ?? 'its build failed', log: 'build' };
  return revision.state === 'pending' ? { type: 'waiting', text: stateText(vm) } : undefined;
}

/** Judges one state of a VM. A status that speaks of an earlier wish decides nothing. */
export function judge(goal: VmGoal, baseline: VmBaseline, vm: VmView): Verdict {
  if (vm.uid !== baseline.uid) {
    return goal === 'gone'
      ? { type: 'reached' }
      : { type: 'overtaken', text: 'it was deleted and made again by somebody else' };
  }
  const waiting: Verdict = { type: 'waiting', text: stateText(vm) };
  if (goal === 'gone') return waiting;
  if (vm.deleting) return { type: 'overtaken', text: 'it is being deleted by somebody else' };
  if ((vm.power === 'running') !== (goal === 'running' || goal === 'updated')) {
    return { type: 'overtaken', text: `somebody else wants it ${vm.power}` };
  }
  if (goal === 'updated') {
    const verdict = judgeBuild(baseline, vm);
    if (verdict !== undefined) return verdict;
  }
  const { status } = vm;
  const current = status.observedGeneration >= baseline.generation && status.observedRestarts >= baseline.restarts;
  // A VM that no host has is stopped without any host saying so.
  if (goal === 'stopped' && vm.phase === 'stopped' && (current || vm.assignment === null)) return { type: 'reached' };
  // A failed attempt counts once its host has seen the wish, also when the restart itself is what failed.
  if (vm.phase === 'failed' && status.observedGeneration >= baseline.generation) {
    const log = PROCESS_REASONS.has(status.reason) ? 'console' : 'build';
    return { type: 'failed', text: reasonText(status) || 'it failed', log };
  }
  if (!current) return waiting;
  if ((goal === 'running' || goal === 'updated') && vm.phase === 'running') return { type: 'reached' };
  // A guest that had its time may still come, but who waits for it is told now, as by any other failure.
  if (goal === 'running' && vm.phase === 'unhealthy') {
    return { type: 'failed', text: reasonText(status) || 'its guest is not ready', log: 'console' };
  }
  if (goal === 'running' && status.halt !== undefined) {
    return { type: 'failed', text: reasonText(status), log: 'console' };
  }
  return waiting;
}
