/** `npm run eventstore`: just the node, for other processes to use. See docs/embedded-node.md for its settings. */
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { databaseUrlOf } from '../config/passwords.js';
import { isLoopback } from '../config/rules.js';
import { calledAs, EXIT_USAGE, readCommandLine, UsageError } from '../system/command-line.js';

/** A process that reaches the port may try as many as there are. */
const LEAST_CHARACTERS = 16;
const port = z.coerce.number().int().min(0).max(65_535);
const settings = z
  .object({
    HOST: z.string().min(1).default('127.0.0.1'),
    PORT: port.default(2113),
    ESDB_ADVERTISE_HOST: z.string().min(1).optional(),
    ESDB_ADVERTISE_PORT: port.optional(),
    ESDB_PASSWORD: z.string().min(LEAST_CHARACTERS).optional(),
    ESDB_PASSWORD_FILE: z.string().min(1).optional(),
    ALLOW_UNAUTHENTICATED_NETWORK: z
      .undefined({ error: 'expected it not to be set: the node listens on loopback only. Remove it' })
      .optional(),
    DATABASE_URL: z.string().min(1).optional(),
    DATABASE_PASSWORD_FILE: z.string().min(1).optional(),
    DATA_DIR: z.string().min(1).default('./data'),
    START_WAIT_MS: z.coerce.number().int().min(0).max(3_600_000).default(60_000),
  })
  .check(({ value, issues }) => {
    const problem = (path: string, message: string) =>
      void issues.push({ code: 'custom', path: [path], message, input: undefined });
    if (!isLoopback(value.HOST))
      problem(
        'HOST',
        `expected a loopback address (127.0.0.1, ::1 or localhost), since events and credentials are sent without encryption; got "${value.HOST}". ` +
          'Keep the default; for other machines, put a tunnel with TLS in front of it, or run EventStoreDB',
      );
    if (value.ESDB_PASSWORD && value.ESDB_PASSWORD_FILE)
      problem('ESDB_PASSWORD_FILE', 'expected ESDB_PASSWORD or ESDB_PASSWORD_FILE, got both');
  });

const USAGE = `Usage: ${calledAs('eventstore')}
Runs the embedded event store's node by itself until SIGINT or SIGTERM, for other processes to use. It takes no arguments: HOST, PORT,
ESDB_*, DATABASE_URL, DATABASE_PASSWORD_FILE, DATA_DIR and START_WAIT_MS come from the environment (docs/embedded-node.md).`;

const say = (line: string) => console.log(line);

const reachDatabase = async (url: string, forMs: number) => {
  const { checkDatabase } = await import('../postgres/check-database.js');
  const { whileDatabaseIsAway } = await import('../system/while-away.js');
  await whileDatabaseIsAway({ forMs, warn: say }, true, () => checkDatabase(url));
};

async function main(): Promise<void> {
  if (!readCommandLine(USAGE, {})) return;
  const given = Object.fromEntries(Object.entries(process.env).filter(([, value]) => value !== ''));
  const env = settings.parse(given);
  const databaseUrl = databaseUrlOf(env.DATABASE_URL, env.DATABASE_PASSWORD_FILE);
  let stop: NodeJS.Signals | undefined;
  let wake: () => void = () => undefined;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      stop = signal;
      wake();
    });
  }
  const { startEmbeddedPostgres } = await import('../embedded-postgres/embedded-postgres.js');
  const { runNode } = await import('./node.js');
  const postgres = databaseUrl
    ? undefined
    : await startEmbeddedPostgres({ dataDir: join(env.DATA_DIR, 'postgres'), log: say });
  try {
    if (databaseUrl) await reachDatabase(databaseUrl, env.START_WAIT_MS);
    const password = env.ESDB_PASSWORD_FILE ? await passwordIn(env.ESDB_PASSWORD_FILE) : env.ESDB_PASSWORD;
    const node = await runNode({
      databaseUrl: databaseUrl ?? postgres?.url ?? '',
      ...{ host: env.HOST, port: env.PORT, log: say, secret: password },
      ...{ advertisedHost: env.ESDB_ADVERTISE_HOST, advertisedPort: env.ESDB_ADVERTISE_PORT },
    });
    const file = await keepUrl(env.DATA_DIR, node.url);
    say(
      `The embedded event node is ready at ${node.address}; how to connect is in ${file}: EVENTSTORE_URL="$(cat '${file}')"`,
    );
    const signalled = new Promise<void>((resolve) => (wake = resolve));
    const failure = stop ? undefined : await Promise.race([signalled, node.failed]);
    if (!failure) say('Stopping: answering what is in flight');
    await node.close();
    if (failure) throw failure;
  } finally {
    await postgres?.stop();
  }
}

/** Where programs of the same user find it, and the log does not. */
async function keepUrl(dataDir: string, url: string): Promise<string> {
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const [file, draft] = [join(dataDir, 'eventstore.url'), join(dataDir, `eventstore.url.${process.pid}`)];
  await rm(draft, { force: true });
  await writeFile(draft, `${url}\n`, { mode: 0o600, flag: 'wx' });
  await rename(draft, file);
  return file;
}

async function passwordIn(file: string): Promise<string> {
  const password = (await readFile(file, 'utf8')).trim();
  if (password.length >= LEAST_CHARACTERS) return password;
  throw new Error(`ESDB_PASSWORD_FILE: expected a password of at least ${LEAST_CHARACTERS} characters in ${file}`);
}

main().catch((error: unknown) => {
  const words = error instanceof UsageError ? error.message : String(error);
  console.error(error instanceof z.ZodError ? `The environment is not usable:\n${z.prettifyError(error)}` : words);
  process.exitCode = error instanceof UsageError ? EXIT_USAGE : 1;
});
