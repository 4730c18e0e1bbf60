/** The nouns, verbs and flags of n3xctl. What a verb does is in a file of its own, loaded when it runs. */
import { type Command, Option } from 'commander';
import {
  EVENT_KINDS,
  EXPLAINED_AS_OF,
  FAILOVER_MODES,
  HOST_ROLES,
  HYPERVISORS,
  STRATEGIES,
  SYSTEMS,
} from '../arguments/choices.ts';
import { SHELLS } from '../completion/shells.ts';
import type { Terminal } from '../output/terminal.ts';
import { addAdoption, addOrphans } from './adopt-tree.ts';
import { collect, handle } from './handler.ts';
import { withHealthFlags } from './health-flags.ts';
import { addLock } from './lock-tree.ts';
import { addDrain, addMigrate, addRebalance } from './move-tree.ts';
import { addNetwork } from './network-tree.ts';
import { addProject } from './project-tree.ts';
import { addVmChanges, setLimitFlags } from './set-tree.ts';
import { addRecreateVolumes, addVolume } from './volume-tree.ts';

function repeated(flags: string, description: string): Option {
  return new Option(flags, `${description}; may be repeated`).argParser(collect);
}

function wait(command: Command, goal: string): Command {
  return command.option('--wait', `wait until ${goal}, with progress on a terminal`);
}

function annotate(noun: Command, what: string, terminal: Terminal, load: Parameters<typeof handle>[2]): void {
  const command = noun
    .command('annotate')
    .description('keep texts of your own with it; n3x never reads them')
    .argument('<name>', `name of the ${what}`)
    .argument('<change...>', 'KEY=VALUE sets an annotation, KEY- takes it away');
  handle(command, terminal, load);
}

/** Adds every command to the program. */
export function addCommands(program: Command, terminal: Terminal): void {
  const cluster = program.command('cluster').description('make, join, leave, back up and look at the cluster');
  addCluster(cluster, terminal);
  addRebalance(cluster, terminal);
  addBackup(cluster, terminal);
  addToken(program.command('token').description('tokens with which hosts join'), terminal);
  addHost(program.command('host').description('hosts of the cluster'), terminal);
  addVm(program.command('vm').description('virtual machines'), terminal);
  addProject(
    program.command('project').description('projects: names and quotas of VMs that belong together'),
    terminal,
  );
  addVolume(program.command('volume').description('disks of VMs, also of those that are gone'), terminal);
  addLock(program.command('lock').description('locks and semaphores'), terminal);
  addNetwork(program.command('network').description('networks that VMs get addresses from'), terminal);
  handle(
    program
      .command('events')
      .description('history of the cluster, oldest first')
      .option('-f, --follow', 'go on with what happens from now on')
      .option('--lines <n>', 'how many of the last events', '100')
      .addOption(new Option('--kind <kind>', 'only about this kind of object').choices(EVENT_KINDS))
      .option('--name <name>', 'only about the object of this name'),
    terminal,
    async () => (await import('./events.ts')).events,
  );
  handle(
    program.command('version').description('versions of n3xctl and of the n3xd that answers'),
    terminal,
    async () => (await import('./version.ts')).version,
  );
  handle(
    program
      .command('completion')
      .description('print a completion script for a shell')
      .addArgument(program.createArgument('<shell>', 'which shell').choices(SHELLS))
      .addHelpText('after', '\nLoad it in bash with:  source <(n3xctl completion bash)'),
    terminal,
    async () => (await import('./completion.ts')).completion(program),
  );
}

function addCluster(cluster: Command, terminal: Terminal): void {
  handle(
    cluster
      .command('init')
      .description('make a new cluster with this host as its only member')
      .option('--name <name>', 'name of the cluster', 'n3x'),
    terminal,
    async () => (await import('./cluster.ts')).init,
  );
  handle(
    cluster
      .command('join')
      .description('join the cluster that a token names; give - to read the token from standard input')
      .argument('<token>', 'token made by "n3xctl token create" on a member')
      .option('--abandon', 'for a host whose cluster was recovered without it: join although that one has a quorum'),
    terminal,
    async () => (await import('./cluster.ts')).join,
  );
  handle(
    cluster.command('status').description('leader, quorum, hosts and VMs by phase'),
    terminal,
    async () => (await import('./cluster.ts')).status,
  );
  handle(
    cluster
      .command('set')
      .description(
        'set how many hosts vote, when a dead voter is replaced, how VMs are placed, and how long leases last',
      )
      .argument(
        '<setting...>',
        `voters=1, 3, 5 or 7; replace-after=DURATION, 5s to 7d; strategy=${STRATEGIES.join('|')}; lease-ttl=DURATION, 2s to 60s; restart-lease=DURATION, up to 1h, or 0; clock-error=PERCENT; fence-margin=DURATION`,
      ),
    terminal,
    async () => (await import('./cluster.ts')).set,
  );
  handle(
    cluster
      .command('leave')
      .description('take a host out of the cluster; without a name the one that answers')
      .argument('[host]', 'name of the host'),
    terminal,
    async () => (await import('./cluster.ts')).leave,
  );
}

/** Beside the others, because what they do is for the day on which there is no cluster. */
function addBackup(cluster: Command, terminal: Terminal): void {
  handle(
    cluster
      .command('backup')
      .description('write the state of the cluster to a file; give - for standard output')
      .argument('<file>', 'name of the file; one that is there is replaced')
      .addHelpText('after', '\n"n3xd restore FILE" makes a cluster from it again, on a host that belongs to none.'),
    terminal,
    async () => (await import('./backup.ts')).backup,
  );
  handle(
    cluster
      .command('verify-backup')
      .description('check that a backup is whole, and show what it is of')
      .argument('<file>', 'name of the file'),
    terminal,
    async () => (await import('./backup.ts')).verifyBackup,
  );
}

function addToken(token: Command, terminal: Terminal): void {
  handle(
    token
      .command('create')
      .description('make a token; it is shown this once')
      .addOption(new Option('--role <role>', 'role of the host that joins with it').choices(HOST_ROLES))
      .option('--ttl <duration>', 'how long it may be used, 10s to 7d', '1h'),
    terminal,
    async () => (await import('./token.ts')).create,
  );
  handle(
    token.command('list').description('tokens, without their secrets'),
    terminal,
    async () => (await import('./token.ts')).list,
  );
  handle(
    token.command('revoke').description('take a token back').argument('<id>', 'id of the token'),
    terminal,
    async () => (await import('./token.ts')).revoke,
  );
}

function addHost(host: Command, terminal: Terminal): void {
  handle(host.command('list').description('all hosts'), terminal, async () => (await import('./host.ts')).list);
  handle(
    host.command('show').description('one host').argument('<name>', 'name of the host'),
    terminal,
    async () => (await import('./host.ts')).show,
  );
  handle(
    host
      .command('set')
      .description('set the role, zone and labels of a host')
      .argument('<name>', 'name of the host')
      .addOption(
        new Option(
          '--role <role>',
          'server votes before others, agent never votes, auto votes when the cluster needs it',
        ).choices(HOST_ROLES),
      )
      .option('--zone <zone>', 'failure domain that voters are spread over; the label zone')
      .addOption(repeated('--label <change>', 'KEY=VALUE sets a label, KEY- takes away one that was set so')),
    terminal,
    async () => (await import('./host-change.ts')).set,
  );
  handle(
    host
      .command('cordon')
      .description('give a host no more VMs; those that it has stay')
      .argument('<name>', 'name of the host'),
    terminal,
    async () => (await import('./host-change.ts')).cordon,
  );
  handle(
    host.command('uncordon').description('let a host take VMs again').argument('<name>', 'name of the host'),
    terminal,
    async () => (await import('./host-change.ts')).uncordon,
  );
  addDrain(host, terminal);
  addOrphans(host, terminal);
  handle(
    host
      .command('remove')
      .description('give a lost host up, and with it the VMs on it')
      .argument('<name>', 'name of the host')
      .option('--force', 'also a host that is heard from')
      .option('--yes', 'do not ask'),
    terminal,
    async () => (await import('./host-change.ts')).remove,
  );
  annotate(host, 'host', terminal, async () => (await import('./annotate.ts')).annotateHost);
}

function addVm(vm: Command, terminal: Terminal): void {
  addVmCreate(vm, terminal);
  handle(
    vm.command('list').description('all VMs of the project').option('--all-projects', 'those of all projects'),
    terminal,
    async () => (await import('./vm-list.ts')).list,
  );
  handle(
    vm
      .command('show')
      .description('one VM or set with everything about it')
      .argument('<name>', 'name of the VM or set'),
    terminal,
    async () => (await import('./vm-show.ts')).show,
  );
  handle(
    vm
      .command('explain')
      .description(
        'why a VM is where it is or nowhere: every host with what is against it, or its score; of a set every VM',
      )
      .argument('<name>', 'name of the VM or set')
      .addOption(
        new Option('--as-of <time>', 'as it is now, or as it was seen when its host was chosen or none was found')
          .choices(EXPLAINED_AS_OF)
          .default('now'),
      ),
    terminal,
    async () => (await import('./vm-placement.ts')).explain,
  );
  handle(
    vm
      .command('place')
      .description('give a VM that waits for a host the one that is named')
      .argument('<name>', 'name of the VM')
      .requiredOption('--host <name>', 'name of the host'),
    terminal,
    async () => (await import('./vm-placement.ts')).place,
  );
  addMigrate(vm, terminal);
  addAdoption(vm, terminal);
  handle(
    wait(vm.command('start').description('let a VM run, or all of a set'), 'its guest has booted').argument(
      '<name>',
      'name of the VM or set',
    ),
    terminal,
    async () => (await import('./vm-power.ts')).start,
  );
  handle(
    wait(vm.command('stop').description('shut a VM down, or all of a set'), 'it has stopped').argument(
      '<name>',
      'name of the VM or set',
    ),
    terminal,
    async () => (await import('./vm-power.ts')).stop,
  );
  handle(
    wait(
      vm.command('restart').description('shut a VM down and start it again; those of a set a few at a time'),
      'its guest has booted again',
    ).argument('<name>', 'name of the VM or set'),
    terminal,
    async () => (await import('./vm-power.ts')).restart,
  );
  handle(
    wait(vm.command('delete').description('stop a VM and remove it with its disks, or all of a set'), 'it is gone')
      .argument('<name>', 'name of the VM or set')
      .option('--keep-volumes', 'let its volumes stay, as volumes of no VM'),
    terminal,
    async () => (await import('./vm-power.ts')).remove,
  );
  addVmChanges(vm, terminal, specFlags, wait);
  addRecreateVolumes(vm, terminal);
  annotate(vm, 'VM', terminal, async () => (await import('./annotate.ts')).annotateVm);
  handle(
    vm
      .command('logs')
      .description('what the guest and its runner print')
      .argument('<name>', 'name of the VM')
      .option('-f, --follow', 'go on with what comes')
      .option('--lines <n>', 'how many of the last lines', '200')
      .option('--build', 'the log of the last build instead'),
    terminal,
    async () => (await import('./vm-logs.ts')).logs,
  );
  handle(
    vm
      .command('console')
      .description('attach to the console of a VM; Ctrl-] detaches')
      .argument('<name>', 'name of the VM'),
    terminal,
    async () => (await import('./vm-console.ts')).attach,
  );
}

/** Adds the flags that describe a VM. */
function specFlags(command: Command): Command {
  const inline = ['hypervisor', 'volume', 'net', 'forward', 'module', 'nixpkgs', 'microvm'];
  return withHealthFlags(command)
    .addOption(
      new Option(
        '--flake <ref>',
        'flake that defines the guest, REF[#NAME]: nixosConfigurations.NAME, by default that of the VM',
      ).conflicts(inline),
    )
    .option('--vcpu <n>', 'virtual CPUs (with --flake: reserved until its evaluation says otherwise)')
    .option('--memory <size>', 'memory, for example 512M or 4G (with --flake as --vcpu)')
    .addOption(new Option('--hypervisor <name>', 'hypervisor, by default qemu').choices(HYPERVISORS))
    .addOption(
      repeated(
        '--volume <volume>',
        'disk, NAME:SIZE[:MOUNT[:FSTYPE]], or name=NAME,size=SIZE and any of mount=, fs=, pool=, keep, from=VOLUME',
      ),
    )
    .addOption(
      repeated(
        '--net <interface>',
        'interface: user, tap, bridge:BRIDGE or macvtap:LINK[:MODE]; all but user also ,network=NAME ,address=IP, tap ,routed',
      ),
    )
    .addOption(repeated('--network <network>', 'with --flake: network to have addresses of, NAME[,address=IP]'))
    .addOption(repeated('--forward <ports>', 'forward a port of the host to the guest, [HOST:]GUEST[/udp]'))
    .addOption(repeated('--module <module>', 'NixOS module: a file, or FLAKE#ATTRIBUTE'))
    .option('--nixpkgs <ref>', 'nixpkgs to build from')
    .option('--microvm <ref>', 'microvm.nix to build with')
    .option('--host <name>', 'the one host it may run on')
    .addOption(repeated('--label <key=value>', 'label of the VM'))
    .addOption(repeated('--require <key=value>', 'label its host must have'))
    .option('--zone <zone>', 'zone its host must be in; the same as --require zone=ZONE')
    .addOption(new Option('--system <system>', 'system its host must be').choices(SYSTEMS))
    .addOption(repeated('--feature <feature>', 'feature its host must have, for example kvm'))
    .addOption(repeated('--near <key=value>', 'its host must have another VM with this label'))
    .addOption(repeated('--apart <key=value>', 'its host must have no other VM with this label'))
    .addOption(repeated('--at-most <limit>', 'most VMs with a label in one place, N:KEY=VALUE[:host|zone]'))
    .addOption(
      new Option('--strategy <strategy>', "how its host is chosen, by default the cluster's way").choices(STRATEGIES),
    )
    .addOption(repeated('--prefer <label>', 'label that speaks for a host, KEY=VALUE[:WEIGHT]'))
    .addOption(
      repeated('--spread <label>', 'rather few VMs with this label in one place, KEY=VALUE[:host|zone][:WEIGHT]'),
    )
    .addOption(repeated('--pack <label>', 'rather many VMs with this label in one place, as --spread'))
    .option('--cost-weight <weight>', 'how much the cost of a host speaks against it, 1 to 1000')
    .option('--priority <n>', 'who goes first, and displaces whom, when room is short; -1000 to 1000, by default 0')
    .addOption(
      new Option(
        '--failover <mode>',
        'once its host is lost, restart it elsewhere or let it stay; by default restart, stay for a VM that has volumes, a flake of its own or a host chosen by hand',
      ).choices(FAILOVER_MODES),
    )
    .option(
      '--host-loss-grace <duration>',
      'how long it waits for a lost host, beyond its lease, before it goes elsewhere',
    )
    .option('--disposable', 'its disks may be thrown away when it has to make room for a more important VM');
}

function addVmCreate(vm: Command, terminal: Terminal): void {
  const command = setLimitFlags(
    specFlags(
      vm
        .command('create')
        .description('ask for a VM, or a set of them; the same name with the same spec again changes nothing')
        .argument('<name>', 'name of the VM or set'),
    ),
  )
    .option('--replicas <n>', 'make a set of so many VMs, NAME-0, NAME-1 and so on, spread over hosts')
    .option('--no-start', 'make it, but do not start it')
    .addOption(new Option('--dry-run', 'say where it would go, or why nowhere, and change nothing').conflicts('wait'))
    .addHelpText(
      'after',
      '\nA path as REF is made absolute as nix would; it must exist under the same path on the host that builds it.',
    );
  handle(wait(command, 'its guest has booted'), terminal, async () => (await import('./vm-create.ts')).create);
}
