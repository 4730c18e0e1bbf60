/** The verbs of n3xd that work on a stopped host, and their flags. What they do is loaded when one of them runs. */
import type { Command } from 'commander';
import type { PlaceFlags } from './commands.ts';
import type { Agreed } from './consent.ts';

const STEPS = `
When the quorum is lost for good (docs/operations.md, "When the quorum is gone for good"):
  1. stop n3xd on every survivor; VMs go on running
  2. on each: n3xd recover inspect --output HOST.json, and carry the files to one place
  3. n3xd recover plan *.json names the survivor that knows most
  4. there: n3xd recover OTHER.json ...`;

function placed(command: Command): Command {
  return command.option('--data-dir <directory>', 'data directory, instead of the one that the configuration names');
}

function agreed(command: Command): Command {
  return command
    .option('--yes', 'do not ask; needs --cluster-id')
    .option('--cluster-id <id>', 'id of the cluster that is meant, at least its first 8 digits');
}

/** Adds `recover` and `restore` to the program. `ended` gets each verb's end. */
export function addOfflineVerbs(program: Command, ended: (work: Promise<void>) => Promise<void>): void {
  const load = () => import('./commands.ts');
  const recover = agreed(placed(program.command('recover')))
    .description('go on from this host after the quorum is lost for good; n3xd must be stopped')
    .argument('[report...]', 'reports of the other survivors, written by "n3xd recover inspect --output"')
    .option('--although-alive', 'go on even if hosts without a report answer')
    .addHelpText('after', STEPS)
    .action((reports: string[], _: unknown, self: Command) => {
      const flags = self.optsWithGlobals<PlaceFlags & Agreed & { althoughAlive?: true }>();
      return ended(load().then(({ runRecover }) => runRecover(reports, flags, process)));
    });
  placed(recover.command('inspect'))
    .description('show what this host knows; changes nothing')
    .option('--output <file>', 'write the report for other hosts as well')
    .option('--json', 'print the report itself')
    .action((_: unknown, self: Command) => {
      const flags = self.optsWithGlobals<PlaceFlags & { output?: string; json?: true }>();
      return ended(load().then(({ runInspect }) => runInspect(flags, process)));
    });
  recover
    .command('plan')
    .description('compare reports: who knows most, and what may be lost; changes nothing, runs anywhere')
    .argument('<report...>', 'reports of all survivors')
    .option('--json', 'print the comparison as JSON')
    .action((reports: string[], flags: { json?: true }) =>
      ended(load().then(({ runPlan }) => runPlan(reports, flags, process))),
    );
  agreed(placed(recover.command('forget')))
    .description('make this host forget its cluster; its key and VMs stay. For one that cannot start any more')
    .action((_: unknown, self: Command) => {
      const flags = self.optsWithGlobals<PlaceFlags & Agreed>();
      return ended(load().then(({ runForget }) => runForget(flags, process)));
    });
  agreed(program.command('restore'))
    .description('make a new cluster from a backup, on a host that belongs to none; n3xd must be stopped')
    .argument('<file>', 'backup made by "n3xctl cluster backup"')
    .action((file: string, _: unknown, self: Command) => {
      const flags = self.optsWithGlobals<{ config: string } & Agreed>();
      return ended(load().then(({ runRestore }) => runRestore(file, flags, process)));
    });
}
