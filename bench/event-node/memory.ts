/** Resident memory of the node with a long log, while it is written to, read from its start, and followed by the slow. */
import { connect } from '../../src/infrastructure/eventstore/connect.js';
import { underLoad } from '../load.js';
import { table, type Section } from '../report.js';
import type { Settings } from '../settings.js';
import { appender, closeClient } from './events.js';
import { fill } from './fill.js';
import type { BenchPostgres } from './postgres.js';
import { startNode, type ServedBy } from './servers.js';
import { end, take } from './take.js';

const AIM_MEGABYTES = 200;
const SLOW_SUBSCRIBERS = 20;
const EVENTS_PER_STREAM = 7;
const SAMPLE_MS = 200;

export async function benchMemory(postgres: BenchPostgres, settings: Settings): Promise<Section[]> {
  const events = settings.quick ? 50_000 : 1_000_000;
  const databaseUrl = await postgres.database('memory');
  await (await startNode(databaseUrl)).stop(); // makes the tables
  settings.tell(`storing ${events.toLocaleString('en')} events`);
  await fill({ databaseUrl, events, eventsPerStream: EVENTS_PER_STREAM });
  const node = await startNode(databaseUrl);
  const client = connect(node.url);
  try {
    const rows: [string, number][] = [];
    const during = async (what: string, work: Promise<unknown>) => {
      settings.tell(what);
      rows.push([what, await highest(node, work)]);
    };
    await during('started', take(client.readAll({ maxCount: 1 }), 1));
    await during('appends, 64 in flight', underLoad({ inFlight: 64, ...settings }, appender(client, 'BatchAppend')));
    const slow = Array.from({ length: SLOW_SUBSCRIBERS }, () =>
      client.subscribeToAll({ fromPosition: 'start' }).pause(),
    );
    const all = `catch-up over all, ${SLOW_SUBSCRIBERS} subscribers who do not read`;
    await during(all, take(client.subscribeToAll({ fromPosition: 'start' }), events));
    await during('all read backwards', take(client.readAll({ direction: 'backwards', fromPosition: 'end' }), events));
    slow.forEach(end);
    const peak = Math.max(...rows.map(([, megabytes]) => megabytes));
    return [
      {
        title: `Memory of the node with ${events.toLocaleString('en')} events`,
        table: table(
          ['while', 'resident MB, highest'],
          rows.map(([what, megabytes]) => [what, megabytes.toFixed(0)]),
        ),
        ratios: [{ name: 'resident MB', value: peak, aim: `< ${AIM_MEGABYTES}`, met: peak < AIM_MEGABYTES }],
        raw: rows,
      },
    ];
  } finally {
    await closeClient(client);
    await node.stop();
  }
}

async function highest(node: ServedBy, work: Promise<unknown>): Promise<number> {
  let peak = await node.residentMegabytes();
  const sampling = setInterval(
    () => void node.residentMegabytes().then((now) => (peak = Math.max(peak, now))),
    SAMPLE_MS,
  );
  try {
    await work;
  } finally {
    clearInterval(sampling);
  }
  return peak;
}
