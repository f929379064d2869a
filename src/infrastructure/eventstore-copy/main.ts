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
  const [source, target] = [await Server.connect(values.from), await Server.connect(values.to)];
  const started = Date.now();
  let reported = 0;
  const written = await copyLog(source, target, (act, events, position, head) => {
    const now = Date.now();
    if (now - reported < REPORT_MS) return;
    reported = now;
    const share = head > 0n ? Number((position * 1_000n) / head) / 10 : 100;
    console.log(`${act} ${events} events, ${share} % of the log, ${((now - started) / 1_000).toFixed(0)} s`);
  });
  console.log(`Done: ${written} events written, all verified, ${((Date.now() - started) / 1_000).toFixed(1)} s`);
  source.close();
  target.close();
}

main().catch((error: unknown) => {
  const text = error instanceof Error ? error.message : String(error);
  console.error(text.replace(/:\/\/[^/\s]*@/g, '://'));
  process.exit(1);
});
