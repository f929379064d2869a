/** The package as `npm pack` makes it, in a folder of its own that goes when the work is done. */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Compressed; a new dependency does not count, a folder that was added to `files` by mistake does. */
const MOST_BYTES = 2 * 1024 * 1024;

/** @param work gets the tarball, and a folder for what it does */
export async function withPackage(work) {
  const folder = mkdtempSync(join(tmpdir(), 'workflow-package-'));
  // Where root runs this, the embedded Postgres runs as another user, who has to reach its binaries.
  chmodSync(folder, 0o755);
  try {
    const packed = execFileSync('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], {
      encoding: 'utf8',
    });
    const [{ filename, size, unpackedSize, entryCount }] = listed(JSON.parse(packed));
    const tarball = join(folder, filename);
    const kib = (bytes) => `${Math.round(bytes / 1024)} KiB`;
    console.log(`${filename}: ${kib(size)}, ${kib(unpackedSize)} unpacked, ${entryCount} files`);
    if (statSync(tarball).size > MOST_BYTES) throw new Error(`Expected a package of at most ${kib(MOST_BYTES)}`);
    return await work(tarball, folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** npm 12 lists packages by their names, earlier ones in an array. */
const listed = (packed) => (Array.isArray(packed) ? packed : Object.values(packed));
