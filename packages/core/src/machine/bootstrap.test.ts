import t from 'tap';
import { BOOTSTRAP_CONF_STATE, BOOTSTRAP_POSITION, bootstrapRecords } from './bootstrap.ts';
import { checkInvariants } from './invariants.ts';
import { sampleFacts, sampleRecords, sampleSettings } from './sample.ts';
import { ClusterState } from './state.ts';

t.test('a new cluster is its first host, which votes', (t) => {
  const state = ClusterState.fromRecords(BOOTSTRAP_POSITION.index, sampleRecords());
  t.match(state.cluster, { name: 'lab', nextHostId: 2, nextVmOrdinal: 1, commandFormat: 2 });
  t.match(state.host(1), { name: 'n1', membership: 'voter', reachable: true });
  t.same(BOOTSTRAP_CONF_STATE.voters, [1]);
  t.match([...state.events()], [{ index: 1, reason: 'ClusterCreated' }]);
  t.same(checkInvariants(state), []);
  t.end();
});

t.test('the first host is a server, whatever it asked for', (t) => {
  const records = bootstrapRecords({
    clusterId: '0'.repeat(32),
    clusterName: 'lab',
    atMs: 1,
    host: {
      name: 'n1',
      uid: 'u',
      peerId: 'p',
      addresses: [],
      settings: sampleSettings({ role: 'agent' }),
      facts: sampleFacts(),
    },
  });
  t.equal(ClusterState.fromRecords(1, records).host(1)?.settings.role, 'server');
  t.same(
    records.map(([key]) => key),
    [...records.map(([key]) => key)].sort(),
  );
  t.end();
});
