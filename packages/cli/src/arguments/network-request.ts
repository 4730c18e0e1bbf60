/** The flags of `network create` and `network set` put together into the requests they mean. */
import type { RouteBody } from '@n3x/core/api/routes';
import { FAMILIES, type Family, parseRange } from '@n3x/core/model/ip';
import { describeIssues } from '@n3x/core/model/issues';
import type { NetworkChanges } from '@n3x/core/model/network';
import { parseSeconds } from './duration.ts';
import { UsageError } from './usage-error.ts';

/** Flags that say what a network is to be, as written. */
export interface NetworkFlags {
  readonly ipv4?: string;
  readonly ipv6?: string;
  readonly gateway?: readonly string[];
  readonly dns?: readonly string[];
  readonly exclude?: readonly string[];
  readonly hold?: string;
}

function holdSeconds(text: string): number {
  return /^0[a-z]*$/.test(text) ? 0 : parseSeconds('--hold', text);
}

/** The texts that are of one version. Throws `UsageError` for one that is of none. */
function ofFamily(flag: string, texts: readonly string[] | undefined, family: Family): string[] {
  return (texts ?? []).filter((text) => {
    const range = parseRange(text);
    if (range === undefined)
      throw new UsageError(`${flag}: "${text}" is not an address${flag === '--exclude' ? ' or FIRST-LAST' : ''}`);
    return range.family === family;
  });
}

/** The flag that a refused field of a spec came from. */
function flagOf(path: readonly PropertyKey[]): string {
  const steps = path.map(String);
  if (steps[0] === 'name') return 'name';
  const flags: Readonly<Record<string, string>> = { holdSeconds: '--hold', dns: '--dns', exclude: '--exclude' };
  for (const step of steps.toReversed()) {
    if (flags[step] !== undefined) return flags[step];
    if (step === 'gateway' || step === 'gateways') return '--gateway';
    if (step === 'ipv4' || step === 'ipv6') return `--${step}`;
  }
  return steps.join('.');
}

/** The request for a network, checked against the API's own schema. Throws `UsageError` that names the flag. */
export async function networkRequest(name: string, flags: NetworkFlags): Promise<RouteBody<'createNetwork'>> {
  const subnets = FAMILIES.map((family) => {
    const subnet = flags[family];
    const [gateway, second] = ofFamily('--gateway', flags.gateway, family);
    const exclude = ofFamily('--exclude', flags.exclude, family);
    if (second !== undefined) throw new UsageError(`--gateway: two of one version, ${gateway} and ${second}`);
    if (subnet === undefined) {
      const stray = gateway ?? exclude[0];
      if (stray === undefined) return {};
      throw new UsageError(`${gateway === undefined ? '--exclude' : '--gateway'}: ${stray} needs --${family}`);
    }
    const rest = { ...(gateway === undefined ? {} : { gateway }), ...(exclude.length === 0 ? {} : { exclude }) };
    return { [family]: { subnet, ...rest } };
  });
  const spec = {
    ...subnets[0],
    ...subnets[1],
    ...(flags.dns === undefined ? {} : { dns: [...flags.dns] }),
    ...(flags.hold === undefined ? {} : { holdSeconds: holdSeconds(flags.hold) }),
  };
  if (flags.ipv4 === undefined && flags.ipv6 === undefined) {
    throw new UsageError(
      'network create needs a subnet: give --ipv4, --ipv6 or both',
      `for example: n3xctl network create ${name} --ipv4 10.0.0.0/24`,
    );
  }
  const { networkCreateRequestSchema } = await import('@n3x/core/api/network-schemas');
  const request = { name, spec };
  const checked = networkCreateRequestSchema.safeParse(request);
  if (checked.success) return checked.data;
  const [issue] = describeIssues(checked.error, networkCreateRequestSchema, request);
  throw new UsageError(`${flagOf(issue?.steps ?? [])}: ${issue?.message ?? 'invalid'}`);
}

/** A list that replaces another; `none` alone empties it. */
function replacement(flag: string, texts: readonly string[] | undefined): string[] | undefined {
  if (texts === undefined) return undefined;
  if (!texts.includes('none')) return [...texts];
  if (texts.length > 1) throw new UsageError(`${flag}: none stands alone`);
  return [];
}

/** The request to change a network. Throws `UsageError` that names the flag. */
export async function networkChanges(flags: NetworkFlags): Promise<NetworkChanges> {
  const gateways = replacement('--gateway', flags.gateway);
  const dns = replacement('--dns', flags.dns);
  const exclude = replacement('--exclude', flags.exclude);
  const changes: NetworkChanges = {
    ...(gateways === undefined ? {} : { gateways: gateways.length === 0 ? null : gateways }),
    ...(dns === undefined ? {} : { dns }),
    ...(exclude === undefined ? {} : { exclude }),
    ...(flags.hold === undefined ? {} : { holdSeconds: holdSeconds(flags.hold) }),
  };
  if (Object.keys(changes).length === 0) {
    throw new UsageError('nothing to set: give --gateway, --dns, --exclude or --hold');
  }
  const { networkChangesSchema } = await import('@n3x/core/model/network');
  const checked = networkChangesSchema.safeParse(changes);
  if (checked.success) return checked.data;
  const [issue] = describeIssues(checked.error, networkChangesSchema, changes);
  throw new UsageError(`${flagOf(issue?.steps ?? [])}: ${issue?.message ?? 'invalid'}`);
}
