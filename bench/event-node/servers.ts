import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findRunningNode } from '../../src/infrastructure/embedded-eventstore/index.js';
import { startProgram, type Program } from '../processes.js';

export type ServedBy = Program & Readonly<{ url: string }>;

/** The embedded node as `npm run eventstore` starts it. */
export async function startNode(databaseUrl: string, nodeOptions: readonly string[] = []): Promise<ServedBy> {
  const program = await startProgram(
    new URL('../../dist/infrastructure/embedded-eventstore/main.js', import.meta.url),
    /is ready at (\S+);/,
    { DATABASE_URL: databaseUrl, HOST: '127.0.0.1', PORT: '0', DATA_DIR: join(tmpdir(), 'bench-event-node') },
    nodeOptions,
  );
  return { ...program, url: (await findRunningNode(databaseUrl)) ?? '' };
}

export async function startEcho(): Promise<ServedBy> {
  const program = await startProgram(new URL('./echo-server.ts', import.meta.url), /echo on (\d+)\./);
  return { ...program, url: `esdb://127.0.0.1:${program.printed}?tls=false` };
}
