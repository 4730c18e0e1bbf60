import { isIPv4, isIPv6, SocketAddress } from 'node:net';
import fc from 'fast-check';
import t from 'tap';
import { formatAddress, formatRange, formatSubnet, parseAddress, parseRange, parseSubnet } from './ip.ts';
import { subnetSchema } from './ip-schema.ts';

t.test('every address comes back from its text, in the form that the machine writes too', async () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 2n ** 128n - 1n }), fc.nat(7), (bits, zeros) => {
      // Runs of zeros, which shorten the text, are rare in random numbers.
      const value = bits & ~(0xffffffffn << BigInt(16 * zeros));
      const text = formatAddress({ family: 'ipv6', value });
      if (!isIPv6(text) || parseAddress(text)?.value !== value) return false;
      // The machine writes these with an IPv4 address at their ends.
      if (value >> 32n === 0xffffn || value >> 32n === 0n) return true;
      return new SocketAddress({ address: text, family: 'ipv6' }).address === text;
    }),
  );
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 32 - 1 }), (number) => {
      const text = formatAddress({ family: 'ipv4', value: BigInt(number) });
      return isIPv4(text) && parseAddress(text)?.value === BigInt(number);
    }),
  );
});

t.test('a text is an address when the machine says so too', async (t) => {
  const piece = fc.constantFrom('::', ':', '1', '0', 'ffff', '12345', '10.0.0.1', '.', '256', '01', 'g', 'FE80');
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      const text = pieces.join('');
      return (parseAddress(text) !== undefined) === (isIPv4(text) || isIPv6(text));
    }),
    { numRuns: 2000 },
  );
  for (const text of ['fe80::1%eth0', '10.0.0', '1.2.3.4.5', '1.2.3.04', '', '::1::', '1:2:3:4:5:6:7:8:9', ':1::']) {
    t.equal(parseAddress(text), undefined, text);
  }
});

t.test('subnets and ranges', async (t) => {
  const texts = (text: string) => {
    const subnet = parseSubnet(text);
    return subnet === undefined ? undefined : formatSubnet(subnet);
  };
  t.equal(texts('10.1.2.3/24'), '10.1.2.0/24');
  t.equal(texts('FD00:0::1/64'), 'fd00::/64');
  t.equal(texts('0.0.0.0/0'), '0.0.0.0/0');
  for (const wrong of ['10.0.0.0', '10.0.0.0/33', '::/129', '10.0.0.0/', 'x/8']) t.equal(texts(wrong), undefined);
  const range = (text: string) => {
    const found = parseRange(text);
    return found === undefined ? undefined : formatRange(found);
  };
  t.equal(range('10.0.0.9'), '10.0.0.9');
  t.equal(range('10.0.0.9-10.0.0.12'), '10.0.0.9-10.0.0.12');
  t.equal(range('10.0.0.8/30'), '10.0.0.8-10.0.0.11');
  for (const wrong of ['10.0.0.9-10.0.0.8', '10.0.0.1-::1', '10.0.0.1-', 'a-b-c']) t.equal(range(wrong), undefined);
  t.match(subnetSchema.safeParse('10.0.0.7/24').error?.issues, [
    { message: 'an address within a subnet: write 10.0.0.0/24' },
  ]);
});
