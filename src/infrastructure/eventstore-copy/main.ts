/** `npm run eventstore:copy -- --from URL --to URL` */
import { parseArgs } from 'node:util';
import { copyLog } from './copy.js';
import { Server } from './server.js';

const USAGE = `npm run eventstore:copy -- --from URL --to URL

Copies all streams of one server to another, then verifies them. URLs are esdb:// connection strings.
Interrupt it whenever you like; the same command goes on where it stopped.`;
const REPORT_MS = 1_000;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { from: { type: 'string' }, to: { type: 'string' }, help: { type: 'boolean', short: 'h' } },
  });
  if (values.help) return console.log(USAGE);
  if (!values.from || !values.to) throw new Error(`Expected --from URL and --to URL\n\n${USAGE}`);
  if (values.from === values.to) throw new Error('Expected two servers: --from and --to are the same');
  const [source, target] = [await reach('--from', values.from), await reach('--to', values.to)];
  const started = Date.now();
  let reported = 0;
  const starts = new Map<string, number>();
  const since = (act: string, now: number) => starts.get(act) ?? (starts.set(act, now), now);
  const written = await copyLog(source, target, (act, events, position, head) => {
    const now = Date.now();
    if (now - reported < REPORT_MS) return;
    reported = now;
    console.log(progressLine(act, events, position, head, now - since(act, now)));
  });
  console.log(`Done: ${written} events written, all verified, ${((Date.now() - started) / 1_000).toFixed(1)} s`);
  source.close();
  target.close();
}

async function reach(option: string, url: string): Promise<Server> {
  try {
    const server = await Server.connect(url);
    await server.head();
    return server;
  } catch (error) {
    throw new Error(`Expected a server at the URL of ${option}: ${String(error)}`, { cause: error });
  }
}

/** Time left is reckoned from positions, so it also counts what is only compared. */
function progressLine(act: string, events: number, position: bigint, head: bigint, elapsedMs: number): string {
  const share = head > 0n ? Number((position * 1_000n) / head) / 1_000 : 1;
  const left = share > 0 ? (elapsedMs * (1 - share)) / share / 1_000 : 0;
  const rate = elapsedMs > 0 ? Math.round((events * 1_000) / elapsedMs) : 0;
  return `${act} ${events} events, ${rate} events/s, ${(share * 100).toFixed(1)} % of the log, ${left.toFixed(0)} s left`;
}

main().catch((error: unknown) => {
  const text = error instanceof Error ? error.message : String(error);
  console.error(text.replace(/:\/\/[^/\s]*@/g, '://'));
  process.exit(1);
});
