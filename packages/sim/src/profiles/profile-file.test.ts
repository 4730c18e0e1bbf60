import t from 'tap';
import { LINK_PROFILES } from '../world/link-profile.ts';
import { PROFILES } from './profile.ts';
import { parseProfile, profileFileSchema } from './profile-file.ts';

t.test('a file says what is different from the profile that it extends', async (t) => {
  const text = `
    extends = "flaky"
    summary = "two sites"
    agents = 1
    electionTicks = 40
    [links]
    lossPermille = 7
    latency = { minMs = 5, maxMs = 9, slowPermille = 10, slowMs = 200, curve = [[500, 5], [990, 7], [1000, 90]] }
    [faults]
    crash = 9
    partition = 0
    [aims]
    vote = 10
    acknowledgement = 1`;
  const profile = parseProfile(text, 'sites.toml');
  const { flaky } = PROFILES;
  t.match(profile, { name: 'sites.toml', summary: 'two sites', agents: 1, loop: { electionTicks: 40 } });
  t.match(profile.links, { name: 'sites.toml', lossPermille: 7, bytesPerSecond: flaky?.links.bytesPerSecond });
  t.same(profile.links.latency.curve?.length, 3);
  t.same(profile.faults, { ...flaky?.faults, crash: 9, partition: 0 });
  t.same(profile.aims, { append: 0, vote: 10, acknowledgement: 1 });
  t.same(profile.disk, flaky?.disk);
});

t.test('JSON says the same, and an empty file is calm', async (t) => {
  const profile = parseProfile('{"links": "satellite", "faults": {"rot": 1.5}}', 'mine.json');
  t.equal(profile.links, LINK_PROFILES.satellite);
  t.same(profile.faults, { rot: 1.5 });
  t.same(parseProfile('', 'x.toml').faults, {});
});

t.test('every fault that a profile has can be set', async (t) => {
  const known = Object.keys(profileFileSchema.shape.faults.unwrap().shape);
  const used = new Set(Object.values(PROFILES).flatMap(({ faults }) => Object.keys(faults)));
  t.same(
    [...used].filter((kind) => !known.includes(kind)),
    [],
  );
});

t.test('what is wrong is said in one line, with the file and the place', async (t) => {
  const wrong: Record<string, RegExp> = {
    'faults = { crush = 1 }': /^p\.toml: faults\.crush: unknown field, did you mean "crash"\?$/,
    'faults = { crash = "often" }': /^p\.toml: faults\.crash: must be a number/,
    'faults = { crash = -1 }': /^p\.toml: faults\.crash: must be at least 0/,
    'extends = "defualt"': /^p\.toml: extends: /,
    'links = "moon"': /^p\.toml: links: /,
    'driver = { buildMs = [9, 1] }': /^p\.toml: driver\.buildMs: the first time is longer than the second$/,
    'disk = { minMs = 9000 }': /^p\.toml: disk: minMs is more than maxMs$/,
    'heartbeatTicks = 10': /^p\.toml: heartbeatTicks has to be less than electionTicks$/,
    'agents = = 1': /^p\.toml: line 1: it is no TOML: /,
    'links = { latency = { minMs = 1, maxMs = 2, slowPermille = 0, slowMs = 0, curve = [[500, 5], [400, 7]] } }':
      /^p\.toml: links.*curve do not rise/,
  };
  for (const [text, message] of Object.entries(wrong)) {
    t.throws(() => parseProfile(text, 'p.toml'), { code: 'N3X_INVALID', message }, text);
    t.throws(() => parseProfile(text, 'p.toml'), { message: /^[^\n]*$/ });
  }
  t.throws(() => parseProfile('{', 'p.json'), { code: 'N3X_INVALID', message: /^p\.json: it is no JSON: [^\n]*$/ });
});
