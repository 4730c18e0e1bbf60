import fc from 'fast-check';
import t from 'tap';
import { ControlFilter } from './control-filter.ts';

/** A sequence that sets colours and the like. */
const COLOUR = new RegExp(`${String.fromCharCode(27)}\\[[ -?]*m`, 'g');

function shown(...pieces: string[]): string {
  const filter = new ControlFilter();
  return Buffer.concat(pieces.map((piece) => filter.push(Buffer.from(piece)))).toString();
}

t.test('text, line ends, tabs and colours come through', async (t) => {
  t.equal(shown('a\tb\r\n\u001b[1;32mOK\u001b[0m ä€😀\n'), 'a\tb\r\n\u001b[1;32mOK\u001b[0m ä€😀\n');
});

t.test('what would move, ask or rename does not', async (t) => {
  t.equal(shown('/ # \u001b[6n'), '/ # ', 'asks for the cursor, which the terminal would type');
  t.equal(shown('\u001b[2J\u001b[Hx'), 'x');
  t.equal(shown('\u001b]0;title\u0007x'), 'x');
  t.equal(shown('\u001b]0;title\u001b\\x'), 'x');
  t.equal(shown('\u001bPq...\u001b\\x\u001bcy\u001b(Bz'), 'xyz');
  t.equal(shown('a\u009b6nb\u0007\u0000'), 'a6nb');
});

t.test('a sequence cut in two is still one', async (t) => {
  t.equal(shown('a\u001b', '[', '6', 'n', 'b'), 'ab');
  t.equal(shown('\u001b[3', '1mred'), '\u001b[31mred');
});

t.test('whatever comes, no control but line ends, tabs and colours is shown', async (t) => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 5 }), (pieces) => {
      const filter = new ControlFilter();
      const text = Buffer.concat(pieces.map((piece) => filter.push(piece))).toString('latin1');
      const left = text.replaceAll(COLOUR, '');
      return [...left].every((char) => char >= ' ' || '\n\r\t'.includes(char)) && !left.includes('\u007f');
    }),
  );
  t.pass();
});
