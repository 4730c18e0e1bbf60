/** The page: reads the run that is in it, draws it, and follows keys and pointer. */
import {
  drawAxis,
  drawChosen,
  drawClients,
  drawFaults,
  drawOverview,
  drawPointer,
  drawViolation,
  drawVms,
} from './draw-context.ts';
import { drawBands, drawDensity, drawGround, drawLeaders, drawWrites } from './draw-lanes.ts';
import { drawArrows, messagesInView } from './draw-messages.ts';
import { Finder } from './find.ts';
import { layOut } from './layout.ts';
import { DARK, LIGHT } from './palette.ts';
import { type Picked, pick } from './picking.ts';
import { decodeRun } from './recording.ts';
import { RunModel } from './run-model.ts';
import type { Scene } from './scene.ts';
import { byId, showFacts, showFilters, showLegend, showView } from './side-panel.ts';
import { Viewport } from './viewport.ts';

/** What is shown around a moment that is jumped to, in microseconds. */
const AROUND_US = 400_000;
/** Ms after which the side follows the view. */
const SIDE_MS = 120;

/** The bytes of the run in this page. */
async function readData(): Promise<Uint8Array> {
  const packed = atob((byId('data').textContent ?? '').trim());
  const bytes = Uint8Array.from(packed, (character) => character.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate-raw'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

function canvasOf(id: string): { canvas: HTMLCanvasElement; context: CanvasRenderingContext2D } {
  const canvas = byId(id);
  const context = canvas instanceof HTMLCanvasElement ? canvas.getContext('2d') : null;
  if (!(canvas instanceof HTMLCanvasElement) || context === null) throw new Error('this browser draws no canvas');
  return { canvas, context };
}

/** Everything that can be seen and done. */
class Page {
  readonly #model: RunModel;
  readonly #view: Viewport;
  readonly #finder: Finder;
  readonly #lanes = canvasOf('lanes');
  readonly #overview = canvasOf('overview');
  readonly #shown: Set<number>;
  #isDark: boolean;
  #scene: Scene | undefined;
  #rows: readonly number[] | undefined;
  #pointer: { readonly x: number; readonly y: number } | undefined;
  #drag: { readonly x: number; readonly from: number; readonly until: number; readonly chooses: boolean } | undefined;
  #moved = false;
  #pinned: Picked | undefined;
  #isPlanned = false;
  #sideTimer = 0;

  constructor(model: RunModel) {
    this.#model = model;
    this.#view = new Viewport(model.recording.endUs);
    this.#finder = new Finder(model);
    this.#shown = new Set(model.recording.types.keys());
    this.#isDark = matchMedia('(prefers-color-scheme: dark)').matches;
    showFacts(model);
    this.#applyTheme();
    this.#applyHash();
    this.#listen();
    this.plan();
  }

  /** Draws at the next chance. */
  plan(): void {
    if (this.#isPlanned) return;
    this.#isPlanned = true;
    requestAnimationFrame(() => {
      this.#isPlanned = false;
      this.#draw();
    });
  }

  /** `#from-until` in seconds, `dark` or `light`, as in `#t=3.5-4&dark`: a place in the run that can be shared. */
  #applyHash(): void {
    for (const part of location.hash.slice(1).split('&')) {
      const match = /^t=([\d.]+)-([\d.]+)$/.exec(part);
      if (match !== null) this.#view.show(Number(match[1]) * 1e6, Number(match[2]) * 1e6);
      if (part === 'dark' || part === 'light') {
        this.#isDark = part === 'dark';
        this.#applyTheme();
      }
      if (part === 'violation') this.#toViolation();
    }
  }

  #applyTheme(): void {
    document.documentElement.dataset['theme'] = this.#isDark ? 'dark' : 'light';
    const palette = this.#isDark ? DARK : LIGHT;
    showLegend(this.#model, palette);
    this.#showFilters();
    this.plan();
  }

  #showFilters(): void {
    showFilters(this.#model, this.#shown, this.#isDark ? DARK : LIGHT, () => {
      this.#showFilters();
      this.#pinned = undefined;
      this.plan();
    });
  }

  #fitted(of: { canvas: HTMLCanvasElement; context: CanvasRenderingContext2D }): { width: number; height: number } {
    const { width, height } = of.canvas.getBoundingClientRect();
    const ratio = devicePixelRatio;
    const [wide, tall] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (of.canvas.width !== wide || of.canvas.height !== tall) {
      of.canvas.width = wide;
      of.canvas.height = tall;
    }
    of.context.setTransform(ratio, 0, 0, ratio, 0, 0);
    return { width, height };
  }

  #draw(): void {
    const { canvas } = this.#lanes;
    const stage = canvas.parentElement;
    const room = (stage?.clientHeight ?? 600) - this.#overview.canvas.clientHeight - 1;
    const layout = layOut(this.#model, canvas.clientWidth, room);
    canvas.style.flex = layout.height > room ? `0 0 ${layout.height}px` : '1';
    const { width, height } = this.#fitted(this.#lanes);
    this.#view.left = layout.left;
    this.#view.right = layout.left + layout.width;
    const palette = this.#isDark ? DARK : LIGHT;
    const marked = this.#pinned?.message;
    const isShown = (type: number): boolean => this.#shown.has(type);
    const { context } = this.#lanes;
    const scene: Scene = { context, model: this.#model, view: this.#view, layout, palette, isShown, marked };
    this.#scene = scene;
    context.fillStyle = palette.back;
    context.fillRect(0, 0, width, height);
    this.#rows = messagesInView(scene);
    drawAxis(scene);
    drawFaults(scene);
    drawLeaders(scene);
    drawGround(scene);
    if (this.#rows === undefined) drawDensity(scene);
    else drawArrows(scene, this.#rows);
    drawBands(scene);
    if (this.#rows !== undefined) drawWrites(scene);
    drawClients(scene);
    drawVms(scene);
    drawViolation(scene);
    if (this.#drag?.chooses === true && this.#pointer !== undefined) drawChosen(scene, this.#drag.x, this.#pointer.x);
    else if (this.#pointer !== undefined) drawPointer(scene, this.#pointer.x);
    else if (this.#finder.current !== undefined) drawPointer(scene, this.#view.x(this.#finder.current.at));
    this.#drawOverview(scene);
    this.#showTip(scene);
    clearTimeout(this.#sideTimer);
    this.#sideTimer = setTimeout(() => showView(this.#model, this.#view, this.#rows, this.#finder.current), SIDE_MS);
  }

  #drawOverview(scene: Scene): void {
    const { width, height } = this.#fitted(this.#overview);
    const { context } = this.#overview;
    context.fillStyle = scene.palette.back;
    context.fillRect(0, 0, width, height);
    drawOverview({ ...scene, context }, height);
  }

  #showTip(scene: Scene): void {
    const tip = byId('tip');
    const at = this.#pointer;
    const picked = this.#pinned ?? (at && this.#drag === undefined ? pick(scene, at.x, at.y, this.#rows) : undefined);
    tip.hidden = picked === undefined;
    tip.classList.toggle('pinned', this.#pinned !== undefined);
    if (picked === undefined) return;
    tip.textContent = picked.text;
    if (this.#pinned !== undefined && this.#pinnedAt !== undefined) this.#place(tip, this.#pinnedAt);
    else if (at !== undefined) this.#place(tip, at);
  }

  #pinnedAt: { readonly x: number; readonly y: number } | undefined;

  #place(tip: HTMLElement, { x, y }: { readonly x: number; readonly y: number }): void {
    const stage = this.#lanes.canvas.getBoundingClientRect();
    const left = x + 16 + tip.offsetWidth > stage.width ? x - tip.offsetWidth - 12 : x + 16;
    const top = y + 16 + tip.offsetHeight > stage.height ? y - tip.offsetHeight - 12 : y + 16;
    tip.style.left = `${Math.max(2, left)}px`;
    tip.style.top = `${Math.max(2, top)}px`;
  }

  #toViolation(): void {
    const { verdict } = this.#model.recording;
    if (verdict === undefined) return;
    // A little more of what came before than of what came after.
    const { happenedUs } = verdict;
    this.#view.show(happenedUs - 0.8 * AROUND_US, happenedUs + 0.2 * AROUND_US);
    this.plan();
  }

  /** Goes to the next or the last of `moments` from the middle of the view. */
  #jump(moments: readonly number[], isForward: boolean): void {
    const middle = (this.#view.from + this.#view.until) / 2;
    const found = isForward
      ? moments.find((at) => at > middle + 1)
      : moments.toReversed().find((at) => at < middle - 1);
    if (found === undefined) return;
    this.#view.centre(found, 5 * AROUND_US);
    this.plan();
  }

  #find(text: string, isForward: boolean): void {
    const found = this.#finder.next(text, this.#view.from, isForward);
    byId('find-note').textContent = this.#finder.note;
    this.#pointer = undefined;
    if (found !== undefined) this.#view.centre(found.at, 2 * AROUND_US);
    this.plan();
  }

  #jumpLeader(isForward: boolean): void {
    this.#jump(
      this.#model.leaders.map(({ from }) => from),
      isForward,
    );
  }

  #toggleSide(): void {
    const panel = byId('panel');
    panel.hidden = !panel.hidden;
    byId('panel-toggle').setAttribute('aria-pressed', String(!panel.hidden));
    this.plan();
  }

  #zoom(factor: number): void {
    const { left, right } = this.#view;
    const x = this.#pointer === undefined ? (left + right) / 2 : Math.min(right, Math.max(left, this.#pointer.x));
    this.#view.zoom(factor, this.#view.time(x));
    this.plan();
  }

  #key(key: string): boolean {
    const actions: Readonly<Record<string, () => void>> = {
      ArrowLeft: () => this.#view.pan(-0.2),
      ArrowRight: () => this.#view.pan(0.2),
      PageUp: () => this.#view.pan(-0.9),
      PageDown: () => this.#view.pan(0.9),
      Home: () => this.#view.show(0, this.#view.span),
      End: () => this.#view.show(this.#view.endUs - this.#view.span, this.#view.endUs),
      '+': () => this.#zoom(0.6),
      '=': () => this.#zoom(0.6),
      ArrowUp: () => this.#zoom(0.6),
      '-': () => this.#zoom(1 / 0.6),
      ArrowDown: () => this.#zoom(1 / 0.6),
      '0': () => this.#view.fit(),
      v: () => this.#toViolation(),
      n: () => this.#jumpLeader(true),
      p: () => this.#jumpLeader(false),
      f: () =>
        this.#jump(
          this.#model.faults.map(({ from }) => from),
          true,
        ),
      s: () => this.#toggleSide(),
      t: () => this.#switchTheme(),
      '/': () => byId('find').focus(),
      Escape: () => {
        this.#pinned = undefined;
      },
    };
    const action = actions[key.length === 1 ? key.toLowerCase() : key];
    action?.();
    return action !== undefined;
  }

  #switchTheme(): void {
    this.#isDark = !this.#isDark;
    this.#applyTheme();
  }

  #listen(): void {
    const buttons: Readonly<Record<string, string>> = {
      ...{ fit: '0', 'zoom-in': '+', 'zoom-out': '-', previous: 'p', next: 'n', violation: 'v' },
      ...{ 'panel-toggle': 's', theme: 't' },
    };
    for (const [id, key] of Object.entries(buttons)) {
      byId(id).addEventListener('click', () => {
        this.#pointer = undefined;
        this.#key(key);
        this.plan();
      });
    }
    byId('violation').toggleAttribute('disabled', this.#model.recording.verdict === undefined);
    document.addEventListener('keydown', (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const { target } = event;
      if (target instanceof HTMLInputElement) {
        if (event.key === 'Enter') this.#find(target.value, !event.shiftKey);
        else if (event.key === 'Escape') target.blur();
        return;
      }
      // Keys that buttons and lists have a use for themselves stay theirs.
      const isElsewhere = target instanceof HTMLElement && target.closest('aside, summary') !== null;
      if (isElsewhere && event.key.length > 1 && event.key !== 'Escape') return;
      if (!this.#key(event.key)) return;
      event.preventDefault();
      this.plan();
    });
    const observer = new ResizeObserver(() => this.plan());
    for (const id of ['stage', 'lanes', 'overview']) observer.observe(byId(id));
    this.#listenLanes(this.#lanes.canvas);
    this.#listenOverview(this.#overview.canvas);
  }

  #listenLanes(canvas: HTMLCanvasElement): void {
    const placeOf = (event: MouseEvent): { x: number; y: number } => {
      const { left, top } = canvas.getBoundingClientRect();
      return { x: event.clientX - left, y: event.clientY - top };
    };
    canvas.addEventListener(
      'wheel',
      (event) => {
        event.preventDefault();
        this.#pointer = placeOf(event);
        if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
          this.#view.pan((event.deltaX || event.deltaY) / 1_000);
        } else this.#zoom(Math.exp(Math.max(-200, Math.min(200, event.deltaY)) / 300));
        this.plan();
      },
      { passive: false },
    );
    canvas.addEventListener('pointerdown', (event) => {
      const { x } = placeOf(event);
      canvas.setPointerCapture(event.pointerId);
      this.#moved = false;
      this.#drag = { x, from: this.#view.from, until: this.#view.until, chooses: event.shiftKey };
    });
    canvas.addEventListener('pointermove', (event) => {
      this.#pointer = placeOf(event);
      const drag = this.#drag;
      if (drag !== undefined && Math.abs(this.#pointer.x - drag.x) > 3) this.#moved = true;
      if (drag !== undefined && !drag.chooses && this.#moved) {
        canvas.classList.add('dragging');
        const by = ((drag.x - this.#pointer.x) / (this.#view.right - this.#view.left)) * (drag.until - drag.from);
        this.#view.show(drag.from + by, drag.until + by);
      }
      this.plan();
    });
    canvas.addEventListener('pointerup', (event) => {
      const place = placeOf(event);
      const drag = this.#drag;
      this.#drag = undefined;
      canvas.classList.remove('dragging');
      if (drag?.chooses === true && this.#moved) {
        const ends = [this.#view.time(drag.x), this.#view.time(place.x)];
        this.#view.show(Math.min(...ends), Math.max(...ends));
      } else if (!this.#moved && this.#scene !== undefined) {
        this.#pinned = this.#pinned === undefined ? pick(this.#scene, place.x, place.y, this.#rows) : undefined;
        this.#pinnedAt = place;
      }
      this.plan();
    });
    canvas.addEventListener('pointerleave', () => {
      this.#pointer = undefined;
      this.plan();
    });
    canvas.addEventListener('dblclick', (event) => {
      this.#pinned = undefined;
      this.#pointer = placeOf(event);
      this.#zoom(0.25);
    });
  }

  #listenOverview(canvas: HTMLCanvasElement): void {
    const move = (event: PointerEvent): void => {
      const share =
        (event.clientX - canvas.getBoundingClientRect().left - this.#view.left) / (this.#view.right - this.#view.left);
      const [middle, half] = [share * this.#view.endUs, this.#view.span / 2];
      this.#view.show(middle - half, middle + half);
      this.plan();
    };
    canvas.addEventListener('pointerdown', (event) => {
      canvas.setPointerCapture(event.pointerId);
      move(event);
    });
    canvas.addEventListener('pointermove', (event) => {
      if (event.buttons === 1) move(event);
    });
  }
}

/** Shows the page, or why it cannot be shown. */
async function start(): Promise<void> {
  try {
    new Page(new RunModel(decodeRun(await readData())));
  } catch (error) {
    byId('title').textContent = `This page cannot be shown: ${error instanceof Error ? error.message : String(error)}`;
  }
}

void start();
