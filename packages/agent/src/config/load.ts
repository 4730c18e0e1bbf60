/** Reads, checks and compares configuration files. */
import { open } from 'node:fs/promises';
import { hostname } from 'node:os';
import { isDeepStrictEqual } from 'node:util';
import { N3xError } from '@n3x/core/base/errors';
import { describeIssues, type Issue } from '@n3x/core/model/issues';
import { parse, TomlError } from 'smol-toml';
import { type AgentConfig, toAgentConfig } from './config.ts';
import { locateKey } from './locate.ts';
import { type ConfigFile, configKeys, fileSchema, SOCKET_PATH_BYTES_MAX } from './schema.ts';

/** A configuration file larger than this, in bytes, is refused. */
const FILE_BYTES_MAX = 1_048_576;

/** A read configuration with what it was made from, to compare a later one with. */
export interface LoadedConfig {
  readonly config: AgentConfig;
  /** The file's own keys with defaults filled in. */
  readonly values: ConfigFile;
}

/** What came of checking a file. */
export type ConfigCheck =
  | { readonly ok: true; readonly loaded: LoadedConfig }
  /** One line each: `file:line:column: key: what is wrong`. Never empty. */
  | { readonly ok: false; readonly problems: readonly string[] };

/** Which keys differ between two configurations. */
export interface ReloadPlan {
  /** Keys whose new values a running daemon takes over. */
  readonly applied: readonly string[];
  /** Keys whose new values wait for a restart. */
  readonly needRestart: readonly string[];
}

/** The configuration of a file. Rejects with `N3X_CONFIG` and every problem in `details.problems`. */
export async function loadConfig(path: string): Promise<LoadedConfig> {
  const check = await checkConfig(path);
  if (check.ok) return check.loaded;
  const [first, ...others] = check.problems;
  const more = others.length === 0 ? '' : ` (and ${others.length} more)`;
  throw new N3xError('N3X_CONFIG', `${first}${more}`, { details: { problems: check.problems } });
}

/** Checks a file without starting anything. Never rejects: a file that cannot be read is a problem too. */
export async function checkConfig(path: string): Promise<ConfigCheck> {
  let text: string;
  try {
    text = await readText(path);
  } catch (error) {
    return { ok: false, problems: [`${path}: cannot be read: ${error instanceof Error ? error.message : error}`] };
  }
  return readConfig(text, { file: path, base: process.cwd(), hostname: hostname() });
}

/** The configuration that a text says. Pure. */
export function readConfig(
  text: string,
  origin: { readonly file: string | null; readonly base: string; readonly hostname: string },
): ConfigCheck {
  const label = origin.file ?? 'configuration';
  let table: unknown;
  try {
    table = parse(text, { unsafeKeyBehaviour: 'throw', maxDepth: 16 });
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    // The library's message carries an excerpt of the file after its first line.
    const what = (error.message.split('\n')[0] ?? '').replace(/^Invalid TOML document: /, '');
    return { ok: false, problems: [`${label}:${error.line}:${error.column}: not valid TOML: ${what}`] };
  }
  const at = (steps: readonly (string | number)[]): string => {
    const place = locateKey(text, steps);
    return `${label}:${place.line}:${place.column}`;
  };
  const parsed = fileSchema.safeParse(table);
  if (!parsed.success) {
    const issues = describeIssues(parsed.error, fileSchema, table);
    const placed = issues.map((issue) => ({ place: locateKey(text, issue.steps), issue }));
    placed.sort((a, b) => a.place.line - b.place.line || a.place.column - b.place.column);
    return { ok: false, problems: placed.map(({ issue }) => `${at(issue.steps)}: ${keyProblem(issue)}`) };
  }
  const config = toAgentConfig(parsed.data, origin);
  const bytes = Buffer.byteLength(config.api.socket);
  if (bytes > SOCKET_PATH_BYTES_MAX) {
    const what = `the path has ${bytes} bytes and Linux takes at most ${SOCKET_PATH_BYTES_MAX}: choose a shorter one`;
    return { ok: false, problems: [`${at(['api', 'socket'])}: api.socket: ${what} (${config.api.socket})`] };
  }
  return { ok: true, loaded: { config, values: parsed.data } };
}

/** Compares the configuration in force with a newly read one. */
export function reloadable(old: LoadedConfig, next: LoadedConfig): ReloadPlan {
  const applied: string[] = [];
  const needRestart: string[] = [];
  for (const { key, reloadable: canReload } of configKeys()) {
    if (isDeepStrictEqual(valueAt(old.values, key), valueAt(next.values, key))) continue;
    (canReload ? applied : needRestart).push(key);
  }
  return { applied, needRestart };
}

/** The configuration in force after a reload: the old one with the new values of all keys that a running daemon takes over. */
export function takeOver(old: LoadedConfig, next: LoadedConfig): LoadedConfig {
  const { labels, capacity, reserve, overcommit, cost, volumes, nix, log } = next.values;
  const values: ConfigFile = {
    ...old.values,
    labels,
    capacity,
    reserve,
    overcommit,
    cost,
    volumes,
    nix,
    log: { ...old.values.log, level: log.level },
  };
  const origin = { file: old.config.file, base: process.cwd(), hostname: hostname() };
  return { values, config: toAgentConfig(values, origin) };
}

function valueAt(values: ConfigFile, key: string): unknown {
  let value: unknown = values;
  for (const step of key.split('.')) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = Reflect.get(value, step);
  }
  return value;
}

function keyProblem(issue: Issue): string {
  const near = /, did you mean "([^"]*)"\?$/.exec(issue.message);
  if (!issue.message.startsWith('unknown field')) return `${issue.path}: ${issue.message}`;
  return `${issue.path}: unknown key${near === null ? ' (docs/configuration.md lists all)' : near[0]}`;
}

async function readText(path: string): Promise<string> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    if (size > FILE_BYTES_MAX) throw new Error(`it has ${size} bytes, more than ${FILE_BYTES_MAX}`);
    return await file.readFile('utf8');
  } finally {
    await file.close();
  }
}
