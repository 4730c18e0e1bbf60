/** `stamp.json`, beside the image of a volume: which volume it is, and who wrote on it last. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileSystemSchema, volumeUidSchema } from '@n3x/core/model/volume';
import { z } from 'zod';
import { writeFileAtomically } from '../../store/atomic-file.ts';

/** Name of the file in a volume's directory. */
export const STAMP_FILE = 'stamp.json';

const stampSchema = z.strictObject({
  format: z.literal(1),
  uid: volumeUidSchema,
  name: z.string(),
  sizeMib: z.int().min(1),
  fsType: fileSystemSchema,
  /** Epoch of the last VM that was started with it; 0 before the first. */
  epoch: z.int().min(0),
  /** Raft index at which the move began that brought it here. Absent when it was made here. */
  move: z.int().min(1).optional(),
});
/** What is written beside an image. */
export type Stamp = z.infer<typeof stampSchema>;

/** Reads a stamp; undefined when there is none. Throws when it cannot be read or understood. */
export async function readStamp(directory: string): Promise<Stamp | undefined> {
  let text: string;
  try {
    text = await readFile(join(directory, STAMP_FILE), 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
  return stampSchema.parse(JSON.parse(text));
}

/** Writes a stamp; durable when it resolves. */
export async function writeStamp(directory: string, stamp: Stamp): Promise<void> {
  await writeFileAtomically(join(directory, STAMP_FILE), `${JSON.stringify(stamp)}\n`, 0o644);
}
