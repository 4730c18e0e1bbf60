/** Files that are replaced whole: after a crash there is the old content or the new. */
import { open, rename } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/**
 * Writes `content` to `path` by way of a temporary file beside it. Durable when it resolves.
 * Rejects with the error of the file system; `path` then has its old content.
 */
export async function writeFileAtomically(path: string, content: string, mode: number): Promise<void> {
  const directory = dirname(path);
  const temporary = join(directory, `.${basename(path)}.tmp`);
  {
    await using file = await open(temporary, 'w', mode);
    // An existing temporary file keeps the mode it was made with.
    await file.chmod(mode);
    await file.writeFile(content);
    await file.sync();
  }
  await rename(temporary, path);
  await syncDirectory(directory);
}

/** Makes the names in a directory durable. */
export async function syncDirectory(directory: string): Promise<void> {
  await using handle = await open(directory, 'r');
  await handle.sync();
}
