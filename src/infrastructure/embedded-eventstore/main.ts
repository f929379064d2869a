/** `npm run eventstore`: just the node, for other processes to use. See docs/embedded-node.md for its settings. */
import { join } from 'node:path';
import { z } from 'zod';
import { checkDatabase } from '../postgres/check-database.js';
import { startEmbeddedPostgres } from '../postgres/embedded-postgres.js';
import { whileDatabaseIsAway } from '../while-away.js';
import { runNode } from './node.js';

const port = z.coerce.number().int().min(0).max(65_535);
const settings = z.object({
  HOST: z.string().min(1).default('127.0.0.1'),
  PORT: port.default(2113),
  ESDB_ADVERTISE_HOST: z.string().min(1).optional(),
  ESDB_ADVERTISE_PORT: port.optional(),
  DATABASE_URL: z.string().min(1).optional(),
  DATA_DIR: z.string().min(1).default('./data'),
  START_WAIT_MS: z.coerce.number().int().min(0).max(3_600_000).default(60_000),
});

const say = (line: string) => console.log(line);

const reachDatabase = (url: string, forMs: number) =>
  whileDatabaseIsAway({ forMs, warn: say }, true, () => checkDatabase(url));

async function main(): Promise<void> {
  const given = Object.fromEntries(Object.entries(process.env).filter(([, value]) => value !== ''));
  const env = settings.parse(given);
  let stop: NodeJS.Signals | undefined;
  let wake: () => void = () => undefined;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      stop = signal;
      wake();
    });
  }
  const postgres = env.DATABASE_URL
    ? undefined
    : await startEmbeddedPostgres({ dataDir: join(env.DATA_DIR, 'postgres'), log: say });
  try {
    if (env.DATABASE_URL) await reachDatabase(env.DATABASE_URL, env.START_WAIT_MS);
    const node = await runNode({
      databaseUrl: env.DATABASE_URL ?? postgres?.url ?? '',
      ...{ host: env.HOST, port: env.PORT, log: say },
      ...{ advertisedHost: env.ESDB_ADVERTISE_HOST, advertisedPort: env.ESDB_ADVERTISE_PORT },
    });
    say(`The embedded event node is ready: EVENTSTORE_URL=${node.url}`);
    const signalled = new Promise<void>((resolve) => (wake = resolve));
    const failure = stop ? undefined : await Promise.race([signalled, node.failed]);
    if (!failure) say('Stopping: answering what is in flight');
    await node.close();
    if (failure) throw failure;
  } finally {
    await postgres?.stop();
  }
}

try {
  await main();
} catch (error) {
  console.error(
    error instanceof z.ZodError ? `The environment is not usable:\n${z.prettifyError(error)}` : String(error),
  );
  process.exitCode = 1;
}
