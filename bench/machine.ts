import { createRequire } from 'node:module';
import { arch, availableParallelism, cpus, loadavg, platform, release, totalmem } from 'node:os';

const version = (name: string) =>
  (createRequire(import.meta.url)(`${name}/package.json`) as { version: string }).version;

/** What a figure depends on beside the code. */
export const machine = () => ({
  cores: availableParallelism(),
  processor: cpus()[0]?.model.trim() ?? 'unknown',
  memoryGiB: Math.round(totalmem() / 2 ** 30),
  system: `${platform()} ${release()} ${arch()}`,
  node: process.version,
  loadBefore: loadavg()[0] ?? 0,
  versions: Object.fromEntries(['@eventstore/db-client', '@grpc/grpc-js', 'pg'].map((name) => [name, version(name)])),
});
