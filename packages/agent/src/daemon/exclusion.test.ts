import t from 'tap';
import { Exclusion } from './exclusion.ts';

t.test('a host is out when nobody has known it for a while', async (t) => {
  const exclusion = new Exclusion();
  t.equal(exclusion.unknown(1_000), false, 'one answer may be that of a member that lags');
  t.equal(exclusion.unknown(3_999), false);
  t.equal(exclusion.unknown(4_000), true);
  t.equal(exclusion.isCertain, true);
  t.equal(exclusion.unknown(5_000), false, 'that is no news');
  exclusion.connected(2, true);
  t.equal(exclusion.isCertain, false, 'a member that knows it proves the opposite');
});

t.test('as long as one member knows it, it is not out', async (t) => {
  const exclusion = new Exclusion();
  exclusion.unknown(1_000);
  exclusion.connected(3, true);
  t.equal(exclusion.unknown(9_000), false);
  exclusion.connected(3, false);
  t.equal(exclusion.unknown(10_000), false, 'the time starts anew');
  t.equal(exclusion.unknown(13_000), true);
});
