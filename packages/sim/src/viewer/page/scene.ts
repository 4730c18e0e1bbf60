/** What every part of the drawing needs. */
import type { Layout } from './layout.ts';
import type { Palette } from './palette.ts';
import type { RunModel } from './run-model.ts';
import type { Viewport } from './viewport.ts';

/** A picture that is being drawn. */
export interface Scene {
  readonly context: CanvasRenderingContext2D;
  readonly model: RunModel;
  readonly view: Viewport;
  readonly layout: Layout;
  readonly palette: Palette;
  /** Whether messages of a type are shown. */
  readonly isShown: (type: number) => boolean;
  /** The message that is pinned or pointed at. */
  readonly marked: number | undefined;
}

/** Fonts of the picture. */
export const FONT = '12px system-ui, "Segoe UI", "DejaVu Sans", sans-serif';
/** For what is small. */
export const SMALL_FONT = '10.5px system-ui, "Segoe UI", "DejaVu Sans", sans-serif';
const ELLIPSIS = '…';

/** Writes as much of a text as fits into a width; nothing when that is hardly a letter. */
export function fitText(context: CanvasRenderingContext2D, text: string, x: number, y: number, width: number): void {
  if (width < 9) return;
  if (context.measureText(text).width <= width) {
    context.fillText(text, x, y);
    return;
  }
  let [low, high] = [0, text.length];
  while (low < high) {
    const middle = (low + high + 1) >>> 1;
    if (context.measureText(text.slice(0, middle) + ELLIPSIS).width <= width) low = middle;
    else high = middle - 1;
  }
  if (low >= 2) context.fillText(text.slice(0, low) + ELLIPSIS, x, y);
}

/** A name at the left of what it belongs to. */
export function nameText({ context, layout, palette }: Scene, text: string, y: number): void {
  context.font = FONT;
  context.fillStyle = palette.faint;
  context.textAlign = 'right';
  context.textBaseline = 'middle';
  context.fillText(text, layout.left - 10, y);
  context.textAlign = 'left';
}
