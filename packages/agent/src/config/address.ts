/** The addresses a host listens on and tells others: TCP multiaddrs. */
import { isIPv4, isIPv6 } from 'node:net';

/**
 * Why `text` cannot be used, or null when it can. To listen takes an IP address and a port (0 lets the
 * system choose one); to announce takes an IP address or a DNS name, and a port that is not 0.
 */
export function refuseAddress(text: string, use: 'listen' | 'announce'): string | null {
  const names = use === 'announce' ? 'ip4, ip6, dns, dns4 or dns6' : 'ip4 or ip6';
  const example = use === 'announce' ? '/dns4/n1.example.org/tcp/7420' : '/ip4/0.0.0.0/tcp/7420';
  const hint = `write /<${names}>/<address>/tcp/<port>, for example ${example}`;
  const parts = text.split('/');
  const [empty, family, address, transport, port] = parts;
  if (empty !== '' || parts.length !== 5 || address === undefined || port === undefined) {
    return `"${text}" is not an address of n3x: ${hint}`;
  }
  if (transport !== 'tcp') return `"${text}" is not TCP: ${hint}`;
  const isName = /^[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/.test(address);
  const addressFits =
    (family === 'ip4' && isIPv4(address)) ||
    (family === 'ip6' && isIPv6(address)) ||
    (use === 'announce' && (family === 'dns' || family === 'dns4' || family === 'dns6') && isName);
  if (!addressFits) return `"${text}": ${address} is not an address of the kind ${family}: ${hint}`;
  const number = /^\d{1,5}$/.test(port) ? Number(port) : -1;
  const lowest = use === 'announce' ? 1 : 0;
  if (number < lowest || number > 65_535) return `"${text}": the port must be ${lowest} to 65535`;
  return null;
}
