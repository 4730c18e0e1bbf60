import fc from 'fast-check';
import t from 'tap';
import { expression, nixName, nixString, nixValue } from './nix-text.ts';

t.test('strings hold what would mean something else', async (t) => {
  // Built up, because these are no templates of ours.
  const open = ['$', '{'].join('');
  t.equal(nixString(`a"b\\c${open}d}\n\t\r`), `"a\\"b\\\\c\\${open}d}\\n\\t\\r"`);
  t.equal(nixString(`$${open}x}`), `"\\$\\${open}x}"`);
});

/** Reads a literal back by the rules of the Nix manual for double-quoted strings. */
function readNixString(literal: string): string {
  let text = '';
  const body = literal.slice(1, -1);
  for (let at = 0; at < body.length; at++) {
    const character = body.charAt(at);
    if (character === '"' || (character === '$' && body.charAt(at + 1) === '{')) throw new Error('ends too early');
    if (character !== '\\') text += character;
    else {
      at += 1;
      const next = body.charAt(at);
      text += { n: '\n', r: '\r', t: '\t' }[next] ?? next;
    }
  }
  return text;
}

t.test('every string reads back as itself', async () => {
  const tricky = fc
    .array(fc.constantFrom('$', '{', '}', '"', '\\', "'", '\n', '\r', '\t', 'n', 'a', ' ', '#', 'é'))
    .map((c) => c.join(''));
  fc.assert(
    fc.property(fc.oneof(tricky, fc.string({ unit: 'grapheme' })), (text) => readNixString(nixString(text)) === text),
  );
});

t.test('names are quoted where they must be', async (t) => {
  t.equal(nixName('ab-c'), 'ab-c');
  t.equal(nixName('a.b'), '"a.b"');
  t.equal(nixName('1a'), '"1a"');
  t.equal(nixName('in'), '"in"');
});

t.test('values', async (t) => {
  t.equal(nixValue(null), 'null');
  t.equal(nixValue([]), '[ ]');
  t.equal(nixValue([1, -1, expression('f x'), expression('./a')]), '[\n  1\n  (-1)\n  (f x)\n  ./a\n]');
  t.equal(
    nixValue({ a: { b: true }, gone: undefined, 'c.d': 'x' }),
    '{\n  a = {\n    b = true;\n  };\n  "c.d" = "x";\n}',
  );
});
