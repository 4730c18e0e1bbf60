/** What the clients of a run asked for, as a script that asks for the same again. */
import type { RunResult } from '../simulator.ts';
import type { ScriptedOperation } from '../workloads/operation.ts';

/** Every operation of a run, in the order of their beginnings. Run with the same faults, it is the same run. */
export function scriptOf({ history, workAtMs }: Pick<RunResult, 'history' | 'workAtMs'>): ScriptedOperation[] {
  return (
    [...history.objects.values()]
      .flat()
      // Client 0 stands for operators, who do their part again by themselves.
      .filter(({ client }) => client > 0)
      .sort((a, b) => a.invokedAt - b.invokedAt)
      .map(({ invokedAtMs, client, requestId, operation }) => ({
        // What is left of a millionth of a ms is the rounding of the difference.
        ...{ atMs: Number((invokedAtMs - workAtMs).toFixed(9)), client, requestId, operation },
      }))
  );
}
