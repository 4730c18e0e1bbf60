/** A run as one page that needs nothing but itself: data, style and script are in it. */
import { deflateRawSync } from 'node:zlib';
import { encodeRun } from './encode.ts';
import type { RecordedRun } from './page/recording.ts';
import { pagePart, pageScript } from './page-script.ts';

function escapeHtml(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** The page. */
export function pageOf(run: RecordedRun): string {
  const packed = deflateRawSync(encodeRun(run), { level: 9 });
  const parts: Readonly<Record<string, string>> = {
    title: `<title>${escapeHtml(run.recording.title)}</title>`,
    style: `<style>\n${pagePart('page.css')}</style>`,
    data: `<script type="text/plain" id="data">${Buffer.from(packed).toString('base64')}</script>`,
    // What would end the script early has to be written another way within it.
    script: `<script type="module">\n${pageScript().replace(/<\/(?=script)/gi, '<\\/')}\n</script>`,
  };
  return pagePart('page.html').replace(/<!-- (\w+) -->/g, (place, name: string) => {
    const part = parts[name];
    if (part === undefined) throw new Error(`page.html has ${place}, which nothing is put in place of`);
    return part;
  });
}
