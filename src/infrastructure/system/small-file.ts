import { closeSync, openSync, readSync } from 'node:fs';

/**
 * The first bytes of a file, at most one more than `most`, so that the caller sees that there are more.
 * @throws what Node throws, with its `code`
 */
export const readSmallFile = (path: string, most: number): Buffer => {
  const file = openSync(path, 'r');
  try {
    const bytes = Buffer.alloc(most + 1);
    return bytes.subarray(0, readSync(file, bytes));
  } finally {
    closeSync(file);
  }
};
