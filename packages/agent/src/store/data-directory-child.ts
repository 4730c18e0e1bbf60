/** Opens the data directory in its argument, says so, and keeps it until it is killed. */
import { openDataDirectory } from './data-directory.ts';

await openDataDirectory(process.argv[2] ?? '', { n3xVersion: '0.1.0', onStored: () => undefined });
console.log('open');
setInterval(() => undefined, 60_000);
