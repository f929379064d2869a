/** `npm run eventstore:copy -- --from URL --to URL` */
import { reasonOf } from '../../application/runtime/errors.js';
import { calledAs, EXIT_USAGE, readCommandLine, UsageError } from '../../infrastructure/system/command-line.js';
import { copyLog } from './copy.js';
import { copyLimits, type CopyLimits } from './event.js';
import { Lost, Server } from './server.js';
import { nextSteps } from './next-steps.js';
import { serverUrls } from './server-urls.js';
import { progressLines } from './progress.js';

const AGAIN = 'Run the same command again to go on.';
const USAGE = `Usage: ${calledAs('eventstore:copy')} --from URL --to URL

Copies all streams of one server to another, then verifies them. URLs are esdb:// or kurrentdb:// connection strings without
a password: every user of the machine sees the arguments of a process. The environment may hold the URLs instead.

  COPY_FROM_URL, COPY_TO_URL                      whole URLs, with passwords
  COPY_FROM_PASSWORD_FILE, COPY_TO_PASSWORD_FILE  files with the passwords of the users in the URLs

Interrupt it whenever you like; the same command goes on where it stopped.

  --idle-seconds N  how long a server may be silent, ${copyLimits.idleMs / 1_000}
  --kept-events N   stream metadata and tombstones kept in memory, ${copyLimits.keptEvents}
  --kept-mib N      and their size, ${copyLimits.keptBytes / 1024 / 1024}`;

const OPTIONS = {
  from: { type: 'string' },
  to: { type: 'string' },
  'idle-seconds': { type: 'string' },
  'kept-events': { type: 'string' },
  'kept-mib': { type: 'string' },
} as const;

async function main(): Promise<void> {
  const line = readCommandLine(USAGE, { options: OPTIONS });
  if (!line) return;
  const { values } = line;
  const urls = serverUrls(values, process.env);
  if (urls.from === urls.to) throw new Error('Expected two servers: --from and --to are the same');
  const limits: CopyLimits = {
    ...copyLimits,
    idleMs: count('--idle-seconds', values['idle-seconds'], 1_000) ?? copyLimits.idleMs,
    keptEvents: count('--kept-events', values['kept-events']) ?? copyLimits.keptEvents,
    keptBytes: count('--kept-mib', values['kept-mib'], 1024 * 1024) ?? copyLimits.keptBytes,
  };
  const source = await reach('source', '--from', urls.from, limits);
  const target = await reach('target', '--to', urls.to, limits);
  const started = Date.now();
  const written = await copyLog(source, target, progressLines(console.log), limits);
  console.log(`Done: ${written} events written, all verified, ${((Date.now() - started) / 1_000).toFixed(1)} s`);
  for (const line of await nextSteps(source)) console.log(line);
  source.close();
  target.close();
}

function count(option: string, text: string | undefined, unit = 1): number | undefined {
  if (text === undefined) return undefined;
  if (!/^[1-9]\d{0,6}$/.test(text))
    throw new Error(`Expected ${option} to be a number from 1 to 9999999, got "${text}"`);
  return Math.min(Number(text) * unit, 2 ** 31 - 1);
}

async function reach(name: 'source' | 'target', option: string, url: string, limits: CopyLimits): Promise<Server> {
  try {
    const server = await Server.connect(name, url, limits);
    await server.head();
    return server;
  } catch (error) {
    const reason = reasonOf(error);
    throw new Error(`Expected a server at the URL of ${option}: ${reason}`, { cause: error });
  }
}

for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  process.on(signal, () => {
    console.error(`Interrupted. ${AGAIN}`);
    process.exit(code);
  });
}

main().catch((error: unknown) => {
  const text = reasonOf(error);
  console.error(withoutCredentials(error instanceof Lost ? `${text}. ${AGAIN}` : text, process.argv.slice(2)));
  process.exit(error instanceof UsageError ? EXIT_USAGE : 1);
});

/** Hides what stands before the `@` of any of `urls`, and its password alone, wherever `text` repeats it. */
function withoutCredentials(text: string, urls: readonly string[]): string {
  return urls.reduce((shown, url) => {
    const end = url.lastIndexOf('@');
    const scheme = url.indexOf('://');
    const credentials = url.slice(scheme < 0 ? url.indexOf('=') + 1 : scheme + 3, Math.max(end, 0));
    const password = credentials.slice(credentials.indexOf(':') + 1);
    const hide = (from: string, secret: string) => (secret ? from.replaceAll(secret, '***') : from);
    return hide(hide(shown, credentials), password);
  }, text);
}
