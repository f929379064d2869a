/** Appends of 1 KB events through the real client, beside the floors: the protocol without a log, the log without a protocol. */
import { EventStoreDBClient } from '@eventstore/db-client';
import { connect } from '../../src/infrastructure/eventstore/connect.js';
import { underLoad, type Load, type Measured } from '../load.js';
import { inTurns, spread, type Contender } from '../rounds.js';
import { table, times, type Section } from '../report.js';
import type { Settings } from '../settings.js';
import { bareCalls } from './bare-call.js';
import { appender, closeClient, WAYS } from './events.js';
import { GroupCommit } from './group-commit.js';
import type { BenchPostgres } from './postgres.js';
import { startEcho, startNode } from './servers.js';

const IN_FLIGHT = [1, 16, 64, 256];
/** Of the slower floor, with this many in flight. */
const AIM = { inFlight: 64, share: 0.7 };

export async function benchAppend(postgres: BenchPostgres, settings: Settings): Promise<Section[]> {
  const databaseUrl = await postgres.database('append');
  const [node, echo] = [await startNode(databaseUrl), await startEcho()];
  const commits = await GroupCommit.open(await postgres.database('group_commit'));
  const bare = bareCalls(echo.url);
  const [toNode, toEcho] = [node.url, echo.url].map((url) => connect(url)) as [EventStoreDBClient, EventStoreDBClient];
  try {
    const asks: Record<string, (caller: number) => Promise<void>> = {
      'Postgres group commit alone': () => commits.append(),
    };
    asks['gRPC echo, bare call'] = () => bare.ask();
    for (const way of WAYS) asks[`client to echo, ${way}`] = appender(toEcho, way);
    for (const way of WAYS) asks[`client to node, ${way}`] = appender(toNode, way);
    const rows: Row[] = [];
    for (const inFlight of IN_FLIGHT) {
      settings.tell(`${inFlight} in flight`);
      const load: Load = { inFlight, ...settings };
      const contenders = Object.entries(asks).map(([name, ask]): Contender<Measured> => ({
        name,
        run: () => underLoad(load, ask),
      }));
      const results = await inTurns(settings.rounds, contenders, settings.tell);
      for (const [name, measured] of results) rows.push({ inFlight, name, measured });
    }
    await verify(toNode, databaseUrl);
    return [section(rows)];
  } finally {
    bare.close();
    await Promise.all([closeClient(toNode), closeClient(toEcho), commits.close()]);
    await Promise.all([node.stop(), echo.stop()]);
  }
}

type Row = Readonly<{ inFlight: number; name: string; measured: readonly Measured[] }>;

function section(rows: readonly Row[]): Section {
  const rate = (name: string, inFlight: number) =>
    spread(rows.find((row) => row.name === name && row.inFlight === inFlight)?.measured.map(({ rate }) => rate) ?? [])
      .median;
  const lines = rows.map(({ inFlight, name, measured }) => [
    String(inFlight),
    name,
    times(
      measured.map((one) => one.rate),
      0,
    ),
    times(
      measured.map((one) => one.p50),
      2,
    ),
    times(
      measured.map((one) => one.p99),
      2,
    ),
  ]);
  const ratios = WAYS.map((way) => {
    const floors = ['Postgres group commit alone', `client to echo, ${way}`];
    const slower = floors.reduce((a, b) => (rate(a, AIM.inFlight) <= rate(b, AIM.inFlight) ? a : b));
    const share = rate(`client to node, ${way}`, AIM.inFlight) / rate(slower, AIM.inFlight);
    return {
      name: `${way}: share of the slower floor (${slower}) with ${AIM.inFlight} in flight`,
      value: share,
      aim: `>= ${AIM.share}`,
      met: share >= AIM.share,
    };
  });
  return {
    title: 'Appends of 1 KB events',
    table: table(['in flight', 'what', 'appends/s', 'p50 ms', 'p99 ms'], lines),
    ratios,
    raw: rows,
  };
}

/** What was acknowledged is there: the log counts as many events as its streams hold, without a gap. */
async function verify(client: EventStoreDBClient, databaseUrl: string): Promise<void> {
  let events = 0;
  const next = new Map<string, bigint>();
  for await (const { event } of client.readAll()) {
    if (!event?.streamId.startsWith('bench-')) continue;
    const expected = next.get(event.streamId) ?? 0n;
    if (event.revision !== expected)
      throw new Error(`${event.streamId}: expected revision ${expected}, got ${event.revision}`);
    next.set(event.streamId, expected + 1n);
    events++;
  }
  if (events === 0) throw new Error(`Nothing was stored in ${new URL(databaseUrl).pathname}`);
}
