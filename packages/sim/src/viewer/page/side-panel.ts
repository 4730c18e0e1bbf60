/** The side: legend, violation, what is in view as text, facts of the run. */
import { type EventLine, eventsBetween } from './events-in-view.ts';
import { KINDS, type Palette } from './palette.ts';
import { OUTCOMES, ROLES, type Verdict } from './recording.ts';
import type { RunModel } from './run-model.ts';
import { countText, lengthText, timeText } from './texts.ts';
import type { Viewport } from './viewport.ts';

/** Lines of the list of events. */
const LINES_MAX = 200;

/** The element with this id. Throws when the page has none. */
export function byId(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`the page has no ${id}`);
  return found;
}

function element(name: string, text: string, className = ''): HTMLElement {
  const made = document.createElement(name);
  made.textContent = text;
  if (className !== '') made.className = className;
  return made;
}

function swatch(colour: string): HTMLElement {
  const made = element('i', '', 'swatch');
  made.style.background = colour;
  return made;
}

/** Names and facts, which stay as they are. */
export function showFacts({ recording }: RunModel): void {
  // The rule has a mark of its own beside it.
  byId('title').textContent = recording.title.replace(/, violated .*/, '');
  const { verdict } = recording;
  const badge = byId('verdict');
  badge.textContent = verdict === undefined ? 'passed' : `violated: ${verdict.rule}`;
  badge.classList.toggle('violated', verdict !== undefined);
  byId('facts').replaceChildren(
    ...[...recording.facts, ['again', recording.command] as const].flatMap(([name, value]) => [
      element('dt', name),
      element('dd', value),
    ]),
  );
  if (verdict !== undefined) showStory(verdict);
}

function showStory({ rule, message, happenedUs, sections }: Verdict): void {
  byId('story-section').hidden = false;
  byId('story').replaceChildren(
    element('p', `${rule} at ${timeText(happenedUs)}`, 'rule'),
    element('p', message.length > 400 ? `${message.slice(0, 400)}…` : message, 'message'),
    ...sections
      .filter(({ lines }) => lines.length > 0)
      .map(({ title, lines, isChart }, at) => {
        const details = document.createElement('details');
        details.open = at < 2;
        details.append(element('summary', title));
        if (isChart) details.append(element('pre', lines.join('\n')));
        else if (lines.length === 1) details.append(element('p', lines[0] ?? ''));
        else {
          const list = document.createElement('ul');
          list.append(...lines.map((line) => element('li', line)));
          details.append(list);
        }
        return details;
      }),
  );
}

/** What colours mean. */
export function showLegend({ recording }: RunModel, palette: Palette): void {
  const item = (colour: string, text: string): HTMLElement => {
    const made = element('span', '');
    made.append(swatch(colour), text);
    return made;
  };
  const operations = ['answered', 'refused', 'unknown', 'no effect', 'still open'];
  const isMany = recording.hosts.length > palette.hosts.length;
  byId('legend').replaceChildren(
    element('h3', 'Hosts'),
    ...ROLES.map((role, at) => item(palette.roles[at] ?? '', role)),
    element('h3', 'Leader and VMs'),
    ...recording.hosts.slice(0, palette.hosts.length).map((name, at) => item(palette.hosts[at] ?? '', name)),
    ...(isMany ? [element('span', 'and again for more hosts')] : []),
    element('h3', 'Clients'),
    ...OUTCOMES.map((_, at) => item(palette.outcomes[at] ?? '', operations[at] ?? '')),
    element('h3', 'Else'),
    item(palette.fault, 'fault (above a band: of that host)'),
    item(palette.kinds.votes, 'vote written to disk (below a band)'),
    item(palette.violation, 'violation; slanted: nobody leads'),
  );
  for (const title of document.querySelectorAll<HTMLElement>('#legend h3')) title.style.width = '100%';
}

/** Switches for the types of messages; `changed` is called when one is pressed. */
export function showFilters(model: RunModel, shown: Set<number>, palette: Palette, changed: () => void): void {
  const { types } = model.recording;
  const order = types
    .map((_, type) => type)
    .sort((a, b) => KINDS.indexOf(model.kinds[a] ?? 'other') - KINDS.indexOf(model.kinds[b] ?? 'other'));
  const buttons = order.map((type) => {
    const button = document.createElement('button');
    button.type = 'button';
    button.setAttribute('aria-pressed', String(shown.has(type)));
    button.append(swatch(palette.kinds[model.kinds[type] ?? 'other']), types[type] ?? '');
    button.append(element('span', countText(model.typeCounts[type] ?? 0), 'count'));
    button.title = 'Click to show or hide; double-click for this one alone, or all';
    button.addEventListener('click', () => {
      if (!shown.delete(type)) shown.add(type);
      changed();
    });
    button.addEventListener('dblclick', () => {
      const isAlone = shown.size === 1 && shown.has(type);
      shown.clear();
      for (const other of isAlone ? order : [type]) shown.add(other);
      changed();
    });
    return button;
  });
  const box = byId('filters');
  const focused = [...box.children].indexOf(document.activeElement ?? box);
  box.replaceChildren(...buttons);
  buttons[focused]?.focus();
}

/** What is in view, in words, with what was `found` marked. */
export function showView(
  model: RunModel,
  view: Viewport,
  rows: readonly number[] | undefined,
  found: EventLine | undefined,
): void {
  const { kept, all } = model.recording.messages;
  const sent = model.sentBetween(view.from, view.until);
  const note = [
    `${timeText(view.from, view.span)} to ${timeText(view.until, view.span)}: ${lengthText(Math.round(view.span))}.`,
  ];
  note.push(
    rows === undefined
      ? `About ${countText(sent)} messages, drawn as columns of counts by sender; zoom in for arrows.`
      : `${countText(rows.length)} messages as arrows.`,
  );
  if (kept < all) {
    note.push(
      `Of the ${countText(all)} messages of this run ${countText(kept)} are in this page: all of the last ones, votes and snapshots, and an even share of the others. Counts are of all.`,
    );
  }
  byId('view-note').textContent = note.join(' ');
  const { lines, more } = eventsBetween(model, view.from, view.until, rows, LINES_MAX);
  const items = lines.map(({ at, text }) => {
    const item = document.createElement('li');
    item.append(element('span', `${timeText(at, view.span)} `, 'time'), text);
    if (at === found?.at && text === found.text) item.classList.add('found');
    return item;
  });
  if (more) items.push(element('li', 'and more: zoom in') as HTMLLIElement);
  const list = byId('events');
  list.replaceChildren(...items);
  const marked = list.querySelector<HTMLElement>('.found');
  list.scrollTop = marked === null ? 0 : marked.offsetTop - list.offsetTop - list.clientHeight / 2;
}
