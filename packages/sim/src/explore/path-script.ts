/**
 * A path of an exploration as a script in the form of `tests/interaction`, with the trace of what plain
 * nodes do on it: to be read, and to be run again.
 */
import type { Message } from '@n3x/core/raft/types';
import { parseDirective } from '../script/datadriven.ts';
import { Environment } from '../script/environment.ts';
import { raftHandler } from '../script/raft-script.ts';
import { AS_IT_IS, canonical } from './canonical.ts';
import { describeStep, type Step } from './node-input.ts';
import { ELECTION_TICKS, firstState, type Scenario } from './scenario.ts';

/** A path, written down. */
export interface WrittenPath {
  readonly text: string;
  /** The nodes at the end of it. */
  readonly environment: Environment;
}

/** Writes a path down. Throws where plain nodes cannot take it, as after a planted bug. */
export function pathScript(scenario: Scenario, steps: readonly Step[], about: readonly string[]): WrittenPath {
  const script = new PathScript(scenario);
  script.begin(about);
  for (const step of steps) script.step(step);
  script.end();
  return { text: script.text, environment: script.environment };
}

class PathScript {
  readonly environment = new Environment();
  readonly #scenario: Scenario;
  readonly #handle = raftHandler(this.environment);
  #text = '';

  constructor(scenario: Scenario) {
    this.#scenario = scenario;
  }

  get text(): string {
    return this.#text;
  }

  begin(about: readonly string[]): void {
    const { nodes, voters, raft } = this.#scenario;
    const { preVote = true, checkQuorum = true, maxSizePerMsg, maxInflightMsgs } = raft;
    const options = [
      `election-tick=${ELECTION_TICKS}`,
      `prevote=${preVote}`,
      `checkquorum=${checkQuorum}`,
      'async-storage-writes=true',
      'step-down-on-removal=true',
      ...(maxSizePerMsg === undefined ? [] : [`max-size-per-msg=${maxSizePerMsg}`]),
      ...(maxInflightMsgs === undefined ? [] : [`inflight=${maxInflightMsgs}`]),
    ].join(' ');
    const { index } = firstState(this.#scenario);
    this.#block(about, [`add-nodes ${voters.length} voters=(${voters.join(',')}) index=${index} ${options}`]);
    if (nodes > voters.length) this.#block([], [`add-nodes ${nodes - voters.length} ${options}`]);
  }

  step(step: Step): void {
    const { node, input } = step;
    const about = [describeStep(step).replace(/\n/g, ' ')];
    const flush = `flush ${node}${this.#scenario.atomicWrites ? ' writes=true' : ''}`;
    if (input.type !== 'change') {
      this.#block(about, [...this.#commands(step), flush]);
      return;
    }
    const words = input.change.split(' ');
    const transition = words.find((word) => word === 'explicit' || word === 'implicit');
    const changes = words.filter((word) => word !== transition).join(' ');
    const directive = `propose-conf-change ${node}${transition === undefined ? '' : ` transition=${transition}`}`;
    this.#block(about, changes === '' ? [directive] : [directive, changes]);
    this.#block([], [flush]);
  }

  end(): void {
    this.#block([], ['raft-state']);
    for (const { id } of this.environment.nodes) this.#block([], [`raft-log ${id}`]);
  }

  #commands({ node, input, keep, lost }: Step): string[] {
    switch (input.type) {
      case 'message':
        return [this.#delivery(input.message, keep ? ' keep=true' : '')];
      case 'election':
        return [`set-randomized-election-timeout ${node} timeout=${ELECTION_TICKS}`, `tick-election ${node}`];
      case 'beat':
        return [`tick-heartbeat ${node}`];
      case 'propose':
        return [`propose ${node} ${input.data}`];
      case 'read':
        return [`read-index ${node} ${input.context}`];
      case 'store':
        return [`process-append-thread ${node}`];
      case 'crash':
        return [`crash ${node} lose-unsynced`, `restart ${node}`];
      case 'compact':
        return [`compact ${node} ${this.environment.raw(node).applied}`];
      case 'unreachable':
        return [...this.#loss(lost), `report-unreachable ${node} ${input.peer}`];
      case 'snapshotLost':
        return [...this.#loss(lost), `report-snapshot ${node} ${input.peer} status=failed`];
      case 'transfer':
        return [`transfer-leadership from=${node} to=${input.to}`];
      case 'change':
        return [];
    }
  }

  #loss(lost: Message | null): string[] {
    return lost === null ? [] : [this.#delivery(lost, ' lost=true')];
  }

  #delivery(message: Message, options: string): string {
    const { from, to, type } = message;
    const alike = this.environment.underWay.filter((m) => m.from === from && m.to === to && m.type === type);
    const wanted = canonical(message, AS_IT_IS);
    const at = alike.findIndex((other) => canonical(other, AS_IT_IS) === wanted);
    if (at < 0) throw new Error(`no such message is under way: ${wanted}`);
    return `deliver-one ${to} from=${from} type=${type}${at === 0 ? '' : ` at=${at + 1}`}${options}`;
  }

  #block(about: readonly string[], lines: readonly string[]): void {
    const [first = '', ...input] = lines;
    const position = `line ${this.#text.split('\n').length}`;
    const output = this.#handle({ ...parseDirective(first, position), input: input.join('\n'), position });
    const comments = about.map((line) => `# ${line}\n`).join('');
    this.#text += `${this.#text === '' ? '' : '\n'}${comments}${lines.join('\n')}\n----\n${output || 'ok'}\n`;
  }
}
