/**
 * The network of a guest that is described inline: for systemd-networkd in the guest, which knows its interfaces by their
 * MACs, and for the runner's tap-up on the host, which routes addresses to a tap. The options are NixOS's
 * (systemd.network) and microvm.nix's (microvm.binScripts, whose tap-up makes the taps).
 *
 * A routed tap is a segment of two: the host is there under a link-local address that is the same on every tap, and the
 * guest under its own, without a subnet. So no guest reaches another but through the host.
 */
import { ADDRESS_BITS, FAMILIES, type Family } from '../model/ip.ts';
import type { Allocation, VmSpec } from '../model/vm.ts';
import type { AllocatedAddress } from '../model/vm-address.ts';
import { expression, type NixExpression, type NixValue, nixString } from './nix-text.ts';

/** The host as a routed guest sees it. */
const HOST_ADDRESS: Readonly<Record<Family, string>> = { ipv4: '169.254.0.1', ipv6: 'fe80::1' };
/** And as it has them on the tap. */
const HOST_ON_TAP: Readonly<Record<Family, string>> = { ipv4: '169.254.0.1/32', ipv6: 'fe80::1/64' };
const EVERYTHING: Readonly<Record<Family, string>> = { ipv4: '0.0.0.0/0', ipv6: '::/0' };

/** What a guest's network comes to. */
export interface GuestNetwork {
  /** Options of the guest; empty when it is on no network. */
  readonly options: { readonly [name: string]: NixValue | undefined };
  /** Modules that need more than options. */
  readonly modules: readonly NixExpression[];
}

interface Interface {
  readonly given: AllocatedAddress;
  readonly mac: string;
  readonly tap: string;
  readonly routed: boolean;
}

/** The interfaces that are on a network. */
function interfacesOf(spec: VmSpec, allocation: Allocation): Interface[] {
  const { source } = spec;
  if (source.kind !== 'inline') return [];
  return (allocation.addresses ?? []).map((given) => {
    const asked = source.interfaces[given.position];
    return {
      given,
      mac: allocation.macs[given.position] ?? '',
      tap: allocation.interfaceNames[given.position] ?? '',
      routed: asked?.type === 'tap' && asked.routed === true,
    };
  });
}

/** The network of a guest with an inline source. */
export function guestNetwork(spec: VmSpec, allocation: Allocation): GuestNetwork {
  const interfaces = interfacesOf(spec, allocation);
  if (interfaces.length === 0) return { options: {}, modules: [] };
  // Only one interface leads to everywhere: two default routes would fight.
  const defaults = new Set<Family>();
  const networks: Record<string, NixValue> = {};
  for (const one of interfaces) networks[`10-n3x-${one.given.position}`] = unit(one, defaults);
  const routed = interfaces.filter((one) => one.routed);
  return {
    options: { systemd: { network: { networks } } },
    modules: [NETWORKD, ...(routed.length === 0 ? [] : [tapUp(routed)])],
  };
}

/** Everything else of the guest is networkd's then too; a guest may say otherwise. */
const NETWORKD = expression('({ lib, ... }: { networking.useNetworkd = lib.mkDefault true; })');

/** One file of networkd. `defaults` are the versions that have a default route already. */
function unit({ given, mac, routed }: Interface, defaults: Set<Family>): NixValue {
  const address: string[] = [];
  const routes: NixValue[] = [];
  for (const family of FAMILIES) {
    const ip = given[family];
    if (ip === undefined) continue;
    address.push(`${ip.address}/${routed ? ADDRESS_BITS[family] : ip.prefix}`);
    // A link-local address of IPv6 is on the link anyway.
    if (routed && family === 'ipv4') routes.push({ Destination: HOST_ON_TAP.ipv4, Scope: 'link' });
    const gateway = routed ? HOST_ADDRESS[family] : ip.gateway;
    if (gateway === undefined || defaults.has(family)) continue;
    defaults.add(family);
    routes.push({ Destination: EVERYTHING[family], Gateway: gateway, GatewayOnLink: routed ? true : undefined });
  }
  return {
    matchConfig: { MACAddress: mac },
    address,
    routes: routes.length === 0 ? undefined : routes,
    dns: given.dns,
  };
}

/** What the host does once microvm.nix's tap-up has made the taps. All of it goes with the tap. */
function tapUp(interfaces: readonly Interface[]): NixExpression {
  const lines = interfaces.flatMap(({ given, tap }) => [
    `$ip link set dev ${tap} up`,
    ...FAMILIES.flatMap((family) => {
      const ip = given[family];
      if (ip === undefined) return [];
      const version = family === 'ipv4' ? '-4' : '-6';
      return [
        `echo 1 >/proc/sys/net/${family}/conf/${tap}/forwarding`,
        `$ip ${version} address replace ${HOST_ON_TAP[family]} dev ${tap}${family === 'ipv4' ? ' scope link' : ' nodad'}`,
        `$ip ${version} route replace ${ip.address}/${ADDRESS_BITS[family]} dev ${tap}`,
      ];
    }),
  ]);
  // The unit that runs it has no iproute2 in its path, as microvm.nix's own lines do not need one.
  const ip = `\${if pkgs ? iproute2 then "\${pkgs.iproute2}/bin/ip" else "ip"}`;
  const text = nixString(`\n${lines.join('\n')}\n`);
  return expression(`({ lib, pkgs, ... }: {
          microvm.binScripts.tap-up = lib.mkAfter ("ip=${ip}" + ${text});
        })`);
}
