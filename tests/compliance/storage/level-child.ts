/** Writes the stream to the store in its argument, telling what it does, until it is killed. */
import { writeSync } from 'node:fs';
import { openStore } from '@n3x/agent/store/level-store';
import { writeStream } from './stream.ts';

/** Writes that may be outstanding, so that batches of several are under way when the end comes. */
const WINDOW = 8;

const directory = process.argv[2];
if (directory === undefined) throw new Error('usage: level-child DIRECTORY');

const writes = writeStream();
let outstanding = 0;
const store = await openStore(directory, {
  onStored: (stored) => {
    for (const { token, outcome } of stored) {
      if (!outcome.ok) throw new Error(outcome.message);
      writeSync(1, `completed ${token}\n`);
    }
    outstanding -= stored.length;
    fill();
  },
});
await store.load();
fill();

function fill(): void {
  while (outstanding < WINDOW) {
    const write = writes.next().value;
    // Told first: what is not told was not written.
    writeSync(1, `written ${write.token}\n`);
    store.write(write);
    outstanding++;
  }
}
