/** Follows VMs that move until they run where they were to go. */
import type { VmView } from '@n3x/core/api/schemas';
import { ERROR_CODES } from '@n3x/core/base/errors';
import type { Deadline } from '../client/deadline.ts';
import type { Context } from '../context.ts';
import { CommandFailure } from '../output/error-report.ts';
import { poll } from './poll.ts';
import { startProgress } from './progress.ts';
import { stateText } from './vm-verdict.ts';

/** What one state of a VM says of its move, as of which it was `before`. */
function judge(before: VmView, vm: VmView): 'arrived' | 'under way' | 'stayed' {
  const hasLeft = vm.assignment?.epoch !== before.assignment?.epoch;
  if (!hasLeft) return vm.moving === undefined ? 'stayed' : 'under way';
  if (vm.power === 'stopped') return 'arrived';
  return vm.phase === 'running' ? 'arrived' : 'under way';
}

/** Waits until the VM runs on another host, and gives its last state. Rejects with `CommandFailure` when it stays. */
export async function waitForMove(context: Context, before: VmView, deadline: Deadline): Promise<VmView> {
  const { name } = before;
  const progress = startProgress(context.terminal.stderr, context.quiet);
  let last = before;
  const look = async (): Promise<VmView | undefined> => {
    const vm = await context.client.call('getVm', { deadline, params: { name }, query: {} });
    last = vm;
    if (vm.uid !== before.uid || vm.deleting) {
      throw new CommandFailure(ERROR_CODES.conflict, `vm ${name} was deleted by somebody else`);
    }
    const way = vm.movingTo === undefined ? '' : ` -> ${vm.movingTo}`;
    progress.update(`${name}: ${stateText(vm)}${way}`);
    switch (judge(before, vm)) {
      case 'arrived':
        return vm;
      case 'under way':
        if (vm.phase !== 'failed') return undefined;
        throw new CommandFailure(ERROR_CODES.driver, `vm ${name} failed: ${stateText(vm)}`, {
          hint: `n3xctl vm logs ${name} shows more`,
        });
      case 'stayed': {
        const why = vm.moveFailure?.message ?? 'its target cannot take it any more';
        throw new CommandFailure(ERROR_CODES.refused, `vm ${name} stays on ${vm.hostName ?? 'no host'}: ${why}`, {
          hint: `n3xctl events --kind vm --name ${name} tells what happened`,
        });
      }
    }
  };
  try {
    return await poll(context, {
      deadline,
      look,
      onTrouble: (text) => progress.update(`${name}: ${text}`),
      late: () => `vm ${name} has not arrived: ${stateText(last)}`,
      hint: `it goes on without you: n3xctl vm show ${name}`,
    });
  } finally {
    progress.stop();
  }
}
