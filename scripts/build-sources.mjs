/** What a build is made from, and what interrupted builds leave behind. */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join, sep } from 'node:path';

const CONFIGURATION = ['nest-cli.json', 'package.json', 'tsconfig.build.json', 'tsconfig.json'];

function sourceFiles(root) {
  const entries = readdirSync(join(root, 'src'), { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
    .sort();
}

/** SHA-256 over the names and bytes of everything the compiler reads from this repository. */
export function sourceHash(root) {
  const hash = createHash('sha256');
  for (const file of [...CONFIGURATION.filter((name) => existsSync(join(root, name))), ...sourceFiles(root)]) {
    const bytes = readFileSync(join(root, file));
    hash.update(`${file.split(sep).join('/')}\0${bytes.length}\0`).update(bytes);
  }
  return hash.digest('hex');
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

/** Removes the output of builds whose process was killed. */
export function removeAbandoned(root) {
  for (const name of readdirSync(root)) {
    const pid = /^\.dist-(\d+)(-old)?$/.exec(name)?.[1];
    if (pid && !isAlive(Number(pid))) rmSync(join(root, name), { recursive: true, force: true });
  }
}
