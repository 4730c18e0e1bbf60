/**
 * Profiles of one's own, from a file: TOML, or JSON for a name that ends so. A file names a profile that it
 * `extends` (`calm` without it) and says what is to be different; times are in ms, chances in parts of a
 * thousand, faults in numbers per virtual minute.
 *
 *     extends = "default"
 *     summary = "two sites and a slow line"
 *     links = { latency = { minMs = 5, maxMs = 9, slowPermille = 10, slowMs = 200 }, lossPermille = 1 }
 *     faults = { crash = 2, partition = 0 }
 */
import { ERROR_CODES, N3xError } from '@n3x/core/base/errors';
import { describeIssues } from '@n3x/core/model/issues';
import { parse, TomlError } from 'smol-toml';
import { z } from 'zod';
import { LINK_PROFILES } from '../world/link-profile.ts';
import { PROFILES, type Profile } from './profile.ts';

const ms = z.number().min(0).max(600_000);
const permille = z.int().min(0).max(1_000);
const perMinute = z.number().min(0).max(600);
const span = z.tuple([ms, ms]).refine(([from, to]) => from <= to, 'the first time is longer than the second');

const latency = z
  .strictObject({
    minMs: ms,
    maxMs: ms,
    slowPermille: permille,
    slowMs: ms,
    curve: z
      .array(z.tuple([permille, ms]))
      .min(1)
      .max(64)
      .optional(),
  })
  .refine(({ minMs, maxMs }) => minMs <= maxMs, 'minMs is more than maxMs')
  .refine(({ curve = [] }) => isRising(curve), 'the points of curve do not rise');

const links = z.strictObject({
  latency,
  bytesPerSecond: z.number().min(1_000),
  lossPermille: permille,
  duplicatePermille: permille,
  reorderPermille: permille,
  maxBytes: z.int().min(1_024),
  maxMessages: z.int().min(1),
});

const driver = z.strictObject({
  buildMs: span,
  bootMs: span,
  stopMs: span,
  failPermille: permille,
  hangPermille: permille,
  hangMs: ms,
  exitPermille: permille,
  illPermille: permille,
});

const linkNames = Object.keys(LINK_PROFILES) as (keyof typeof LINK_PROFILES)[];

/** What a profile file may say. */
export const profileFileSchema = z.strictObject({
  extends: z.enum(Object.keys(PROFILES)).optional(),
  summary: z.string().min(1).max(200).optional(),
  /** The name of a kind of link, or what is different from those of the profile that is extended. */
  links: z.union([z.enum(linkNames), links.partial()]).optional(),
  disk: z.strictObject({ minMs: ms, maxMs: ms, slowPermille: permille, slowMs: ms }).partial().optional(),
  driver: driver.partial().optional(),
  faults: z
    .strictObject({
      ...{
        crash: perMinute,
        stop: perMinute,
        power: perMinute,
        stall: perMinute,
        partition: perMinute,
        cut: perMinute,
      },
      ...{ isolate: perMinute, flap: perMinute, slowLink: perMinute, slowDisk: perMinute, stuckDisk: perMinute },
      ...{ fullDisk: perMinute, brokenDisk: perMinute, rot: perMinute, wipe: perMinute, drift: perMinute },
      ...{ jump: perMinute, upgrade: perMinute, downgrade: perMinute, driver: perMinute, misbehave: perMinute },
    })
    .partial()
    .optional(),
  aims: z.strictObject({ vote: permille, acknowledgement: permille, append: permille.optional() }).optional(),
  agents: z.int().min(0).max(20).optional(),
  codec: z.literal('wire').optional(),
  electionTicks: z.int().min(2).max(10_000).optional(),
  heartbeatTicks: z.int().min(1).max(1_000).optional(),
  driftPpm: z.int().min(0).max(900_000).optional(),
});

function isRising(points: readonly (readonly [number, number])[]): boolean {
  return points.every(([at, value], place) => {
    const [before, least] = points[place - 1] ?? [-1, 0];
    return at > before && value >= least;
  });
}

/** The profile in the text of the file `path`, named after it. Throws `N3X_INVALID` with one line: file, place, what is wrong. */
export function parseProfile(text: string, path: string): Profile {
  const data = path.endsWith('.json') ? json(text, path) : toml(text, path);
  const parsed = profileFileSchema.safeParse(data);
  if (!parsed.success) {
    const [first, ...more] = describeIssues(parsed.error, profileFileSchema, data);
    const place = first === undefined || first.path === '' ? '' : `${first.path}: `;
    const others = more.length === 0 ? '' : ` (and ${more.length} more)`;
    throw wrong(path, `${place}${first?.message ?? 'it is no profile'}${others}`);
  }
  return profileOf(parsed.data, path);
}

function profileOf(file: z.infer<typeof profileFileSchema>, path: string): Profile {
  const { extends: from = 'calm', summary, links, disk, driver, faults, aims, agents, codec } = file;
  const base = PROFILES[from];
  if (base === undefined) throw wrong(path, `there is no profile ${from}`);
  const { electionTicks, heartbeatTicks, driftPpm } = file;
  const made: Profile = {
    ...base,
    name: path,
    summary: summary ?? `${base.summary}, changed by ${path}`,
    links: typeof links === 'string' ? LINK_PROFILES[links] : { ...base.links, ...given(links), name: path },
    disk: { ...base.disk, ...given(disk) },
    driver: { ...base.driver, ...given(driver) },
    faults: { ...base.faults, ...given(faults) },
    driftPpm: driftPpm ?? base.driftPpm,
    loop: { ...base.loop, ...given({ electionTicks, heartbeatTicks }) },
    ...given({ agents, codec }),
    ...(aims === undefined ? {} : { aims: { ...aims, append: aims.append ?? 0 } }),
  };
  if (made.disk.minMs > made.disk.maxMs) throw wrong(path, 'disk: minMs is more than maxMs');
  const { electionTicks: election = 10, heartbeatTicks: heartbeat = 1 } = made.loop ?? {};
  if (heartbeat >= election) throw wrong(path, 'heartbeatTicks has to be less than electionTicks');
  return made;
}

/** The fields that are there. */
function given<T extends object>(fields: T | undefined): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const found = Object.entries(fields ?? {}).filter(([, value]) => value !== undefined);
  return Object.fromEntries(found) as { [K in keyof T]?: Exclude<T[K], undefined> };
}

function wrong(path: string, message: string): N3xError {
  return new N3xError(ERROR_CODES.invalid, `${path}: ${message}`);
}

function json(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw wrong(path, `it is no JSON: ${(error instanceof Error ? error.message : String(error)).split('\n')[0]}`);
  }
}

function toml(text: string, path: string): unknown {
  try {
    return parse(text, { unsafeKeyBehaviour: 'throw', maxDepth: 8 });
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const what = (error.message.split('\n')[0] ?? '').replace(/^Invalid TOML document: /, '');
    throw wrong(path, `line ${error.line}: it is no TOML: ${what}`);
  }
}
