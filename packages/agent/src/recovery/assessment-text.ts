/** What is known and what is not, as text for whoever has to decide at night. */
import type { Assessment, Discarded } from '@n3x/core/recovery/compare';
import type { RecoveryReport, ReportEntry } from '@n3x/core/recovery/report';

/** Entries shown of one list. */
const SHOWN = 20;

/** A span of time in two units at most: `3d 4h`, `12m`, `5s`. */
export function spanText(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}m`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours}h ${minutes % 60}m`;
  return `${Math.floor(hours / 24)}d ${hours % 24}h`;
}

function list(names: readonly string[]): string {
  return names.length === 0 ? 'none' : names.join(', ');
}

function table(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? 0, cell.length);
    });
  }
  const line = (row: readonly string[]) => row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join('  ');
  return rows.map((row) => `  ${line(row).trimEnd()}\n`).join('');
}

function entryLines(entries: readonly ReportEntry[], omitted: number): string {
  const shown = entries.slice(-SHOWN);
  const hidden = omitted + entries.length - shown.length;
  const before = hidden === 0 ? '' : `    ... and ${hidden} before these\n`;
  return before + shown.map(({ index, term, text }) => `    ${index} (term ${term})  ${text}\n`).join('');
}

/** One survivor: what `inspect` prints. */
export function inspectionText(report: RecoveryReport): string {
  const { host, hardState, last, commit, applied, tail, tailOmitted, counts } = report;
  const conf = report.confStates.at(-1);
  const name = (id: number): string => report.hosts.find((one) => one.id === id)?.name ?? `id ${id}`;
  const joint =
    conf === undefined || conf.votersOutgoing.length === 0
      ? ''
      : ` (changing from ${list(conf.votersOutgoing.map(name))})`;
  const hosts = report.hosts.map((one) => [
    one.name,
    one.membership,
    one.reachable ? 'up' : 'silent',
    `for ${spanText(report.madeAtMs - one.reachableSinceMs)}`,
    `${one.vms} VMs`,
    one.addresses.join(', '),
  ]);
  const fields = table([
    ['Host', `${host.name} (id ${host.id})`],
    ['Cluster', `${report.clusterName ?? 'not known yet'} (${report.clusterId})`],
    ['Term', `${hardState.term}`],
    ['Last entry', `${last.index} of term ${last.term}`],
    ['Committed', `${commit} at least`],
    ['Applied', `${applied.index}`],
    ['Voters', `${list((conf?.voters ?? []).map(name))}${joint}`],
    ['Holds', `${counts.hosts} hosts, ${counts.vms} VMs, ${counts.records} records`],
  ]);
  const open =
    tail.length === 0
      ? 'Every entry of its log is known to be committed.\n'
      : `Entries of which it does not know whether they were committed: ${tail.length + tailOmitted}\n${entryLines(tail, tailOmitted)}`;
  return `${fields}\nHosts, as this one knew them last:\n${table(hosts)}\n${open}`;
}

function rankingTable(assessment: Assessment, here: number | undefined, nowMs: number): string {
  const rows = assessment.ranking.map((report, place) => [
    report.host.name,
    `${report.last.index} of term ${report.last.term}`,
    String(report.commit),
    report.host.id === here ? 'this host' : `report, ${spanText(nowMs - report.madeAtMs)} old`,
    place === 0 ? '<- knows most' : '',
  ]);
  const missing = assessment.missing.map((host) => [host.name, '-', '-', 'no report: taken for lost', '']);
  return table([['HOST', 'LAST ENTRY', 'COMMITTED', 'FROM', ''], ...rows, ...missing]);
}

function whyText({ ranking, best }: Assessment): string {
  const second = ranking[1];
  if (second === undefined) return `Only ${best.host.name} is looked at, so its log is the one to go on with.\n`;
  const [a, b] = [best.last, second.last];
  if (a.term !== b.term) {
    return `${best.host.name} knows most: its last entry is of term ${a.term}, that of ${second.host.name} of term ${b.term}.\n`;
  }
  if (a.index !== b.index) {
    return `${best.host.name} knows most: of term ${a.term} it has entries up to ${a.index}, ${second.host.name} up to ${b.index}.\n`;
  }
  return `${best.host.name} and ${second.host.name} know the same; either will do.\n`;
}

function keptText(assessment: Assessment): string {
  const { best, committed, kept, keptOmitted } = assessment;
  const sure = `KEPT   Everything up to index ${committed}, which is known to be committed.\n`;
  const count = kept.length + keptOmitted;
  if (count === 0) return sure;
  return (
    `${sure}       The ${count} entries after it in the log of ${best.host.name} may or may not have been acknowledged. They take effect now:\n` +
    entryLines(kept, keptOmitted)
  );
}

function discardedText(discarded: readonly Discarded[]): string {
  return discarded
    .map(
      ({ host, from, to, entries }) =>
        `GONE   Entries ${from} to ${to} of ${host} go. They were never committed: nobody was told that they took effect.\n` +
        entryLines(entries, 0),
    )
    .join('');
}

function lossText(assessment: Assessment): string {
  const { mayBeLost, missingVoters, voters, best } = assessment;
  const nameOf = (id: number): string => best.hosts.find((host) => host.id === id)?.name ?? `host ${id}`;
  const names = list(missingVoters.map(nameOf));
  if (!mayBeLost) {
    return missingVoters.length === 0
      ? 'LOST   Nothing: every voter is looked at. (Do they need recovery at all? Start n3xd on them first.)\n'
      : `LOST   Nothing that was acknowledged: ${names} alone, ${missingVoters.length} of ${voters.length} voters, are too few to commit anything.\n`;
  }
  return (
    `LOST   Whatever was acknowledged after index ${best.last.index}, and that cannot be known from here: ${names} are ${missingVoters.length} of ${voters.length} voters,\n` +
    '       enough to have committed changes without the hosts looked at. If they went down before those did, or with them, nothing is lost.\n'
  );
}

/** The comparison of survivors. `here` is the id of the host it is printed on, if it is one of them. */
export function assessmentText(assessment: Assessment, here: number | undefined, nowMs: number): string {
  const warnings = assessment.warnings.map((warning) => `WARNING  ${warning}\n`).join('');
  return (
    `Cluster ${assessment.clusterName} (${assessment.clusterId})\n\n${rankingTable(assessment, here, nowMs)}\n` +
    `${whyText(assessment)}\n${keptText(assessment)}${discardedText(assessment.discarded)}${lossText(assessment)}${warnings}`
  );
}

/** What recovery on the best host will do, before it is agreed to. */
export function intentText(assessment: Assessment, dataDirectory: string): string {
  const { best, ranking, missing } = assessment;
  const others = ranking.slice(1).map((report) => report.host.name);
  const again = [...others, ...missing.map((host) => host.name)];
  return (
    `\nThis host, ${best.host.name}, becomes the only member of a new cluster with the same name and objects. The VMs of other hosts\n` +
    `stay theirs and show as lost until those hosts have joined again: ${list(again)}. What runs goes on running.\n` +
    `The old data stays beside the new in ${dataDirectory}.\n` +
    (missing.length === 0
      ? ''
      : `\nMake sure that ${list(missing.map((host) => host.name))} ${missing.length === 1 ? 'is' : 'are'} down and will not come up by themselves before they are\n` +
        'joined again: together they could go on as the old cluster. If one of them still has its data, stop here, run\n' +
        '"n3xd recover inspect --output FILE" there, and give this command its file.\n')
  );
}

/** What to do once it is done. */
export function nextStepsText(assessment: Assessment, clusterId: string): string {
  const { best, ranking, missing } = assessment;
  const survivors = ranking.slice(1).map((report) => report.host.name);
  const steps = [
    `On ${best.host.name}: systemctl start n3xd, then n3xctl cluster status`,
    ...(survivors.length === 0
      ? []
      : [
          `On each of ${list(survivors)}: systemctl start n3xd, then n3xctl cluster join TOKEN, with a token of its own`,
        ]),
    `A token: n3xctl token create, on ${best.host.name}`,
    ...(missing.length === 0
      ? []
      : [
          `For hosts that are gone for good: n3xctl host remove HOST (${list(missing.map((host) => host.name))}), then see to their VMs`,
        ]),
  ];
  return `\nDone. The cluster goes on as ${clusterId}.\n\nNext:\n${steps.map((step, i) => `  ${i + 1}. ${step}\n`).join('')}`;
}
