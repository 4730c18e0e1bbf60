/** Declares the flags of `arguments/health.ts` on a command. */
import { type Command, Option } from 'commander';
import { PROBE_FORMS, RESTART_POLICIES } from '../arguments/choices.ts';

/** Adds the flags about readiness, health, restarts and the time to stop. */
export function withHealthFlags(command: Command): Command {
  return command
    .option('--ready <probe>', `how its guest is known to have booted: ${PROBE_FORMS}`)
    .option('--ready-timeout <duration>', 'how long its guest may take to boot and be well, by default 2m')
    .option('--health <probe>', 'how its guest is known to be well once it has booted, as --ready; by default the same')
    .option('--health-interval <duration>', 'time between two looks at its health, by default 5s')
    .option('--health-timeout <duration>', 'time that a look may take, by default 2s')
    .option('--health-failures <n>', 'failed looks in a row that make it unhealthy, by default 3')
    .option('--health-successes <n>', 'good looks in a row that make it healthy again, by default 1')
    .addOption(
      new Option('--restart <policy>', 'when it is started again after it ended, by default always').choices(
        RESTART_POLICIES,
      ),
    )
    .option('--restart-max <n>', 'restarts within the window after which n3x gives up, by default 10')
    .option('--restart-window <duration>', 'the window in which restarts are counted, by default 10m')
    .option('--restart-unhealthy <duration>', 'restart it once it has been unhealthy for so long; by default never')
    .option('--stop-timeout <duration>', 'how long its guest may take to shut down before it is stopped hard');
}
