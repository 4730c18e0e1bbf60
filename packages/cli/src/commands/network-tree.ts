/** The verbs and flags of networks. */
import { type Command, Option } from 'commander';
import type { Terminal } from '../output/terminal.ts';
import { collect, handle } from './handler.ts';

const NAME = ['<name>', 'name of the network'] as const;

function repeated(flags: string, description: string): Option {
  return new Option(flags, `${description}; may be repeated`).argParser(collect);
}

/** Adds the verbs of networks. */
export function addNetwork(network: Command, terminal: Terminal): void {
  handle(
    network.command('list').description('networks, with what is in use, held and left of each'),
    terminal,
    async () => (await import('./network.ts')).list,
  );
  handle(
    network
      .command('show')
      .description('one network, the VMs on it and the addresses that they released')
      .argument(...NAME),
    terminal,
    async () => (await import('./network.ts')).show,
  );
  handle(
    network
      .command('create')
      .description('make a network; the same name with the same spec again changes nothing')
      .argument(...NAME)
      .option('--ipv4 <subnet>', 'IPv4 subnet, for example 10.0.0.0/24')
      .option('--ipv6 <subnet>', 'IPv6 subnet, for example fd00:1::/64')
      .addOption(repeated('--gateway <address>', 'where guests send what is for elsewhere, one for each version'))
      .addOption(repeated('--dns <address>', 'name server of its guests'))
      .addOption(repeated('--exclude <range>', 'addresses that no VM gets, FIRST-LAST or one'))
      .option('--hold <duration>', 'how long nobody gets a released address, by default 10m; 0 for not at all'),
    terminal,
    async () => (await import('./network.ts')).create,
  );
  handle(
    network
      .command('set')
      .description('change a network; VMs keep what they were given')
      .argument(...NAME)
      .addOption(repeated('--gateway <address>', 'another gateway for its version, or none'))
      .addOption(repeated('--dns <address>', 'name servers instead of those there are, or none'))
      .addOption(repeated('--exclude <range>', 'excluded addresses instead of those there are, or none'))
      .option('--hold <duration>', 'how long nobody gets a released address; 0 ends all holds'),
    terminal,
    async () => (await import('./network.ts')).set,
  );
  handle(
    network
      .command('delete')
      .description('delete a network that no VM is on and that holds no address')
      .argument(...NAME),
    terminal,
    async () => (await import('./network.ts')).remove,
  );
}
