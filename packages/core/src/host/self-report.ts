/** What a host tells of itself. */
import type { Command } from '../machine/command.ts';
import { same } from '../machine/difference.ts';
import type { Host, HostFacts, HostSettings } from '../model/host.ts';

/** What a host knows of itself. */
export interface HostSelf {
  readonly addresses: readonly string[];
  readonly settings: HostSettings;
  readonly facts: HostFacts;
}

/**
 * The `hostReport` to propose, or undefined when the state says the same already. The role is not compared: it
 * was settled at the join, and a report does not change it.
 */
export function selfReport(host: Host, self: HostSelf): Extract<Command, { type: 'hostReport' }> | undefined {
  const addresses = [...self.addresses];
  const settings = { ...self.settings, role: host.settings.role };
  const { facts } = self;
  if (same(host.addresses, addresses) && same(host.settings, settings) && same(host.facts, facts)) return undefined;
  return { type: 'hostReport', hostId: host.id, addresses, settings, facts };
}
