/** Reads through the real client: a catch-up over a long log, and the load of one short stream, as before each command. */
import { EventStoreDBClient } from '@eventstore/db-client';
import { connect } from '../../src/infrastructure/eventstore/connect.js';
import pg from 'pg';
import { underLoad, type Measured } from '../load.js';
import { inTurns, spread } from '../rounds.js';
import { table, times, type Section } from '../report.js';
import type { Settings } from '../settings.js';
import { closeClient } from './events.js';
import { fill } from './fill.js';
import type { BenchPostgres } from './postgres.js';
import { startEcho, startNode } from './servers.js';
import { take } from './take.js';

const LOG_EVENTS = 100_000;
const STREAM_EVENTS = 20;
const AIM_EVENTS_PER_SECOND = 20_000;
/** Rows that one query of the floor brings, as many as the node's. */
const PAGE_ROWS = 1_000;
const LOADS_IN_FLIGHT = [1, 16];

export async function benchRead(postgres: BenchPostgres, settings: Settings): Promise<Section[]> {
  const databaseUrl = await postgres.database('read');
  await (await startNode(databaseUrl)).stop(); // makes the tables
  settings.tell(`storing ${LOG_EVENTS.toLocaleString('en')} events`);
  await fill({ databaseUrl, events: LOG_EVENTS, eventsPerStream: STREAM_EVENTS });
  const [node, echo] = [await startNode(databaseUrl), await startEcho()];
  const [toNode, toEcho] = [node.url, echo.url].map((url) => connect(url)) as [EventStoreDBClient, EventStoreDBClient];
  const sql = new pg.Client({ connectionString: databaseUrl });
  try {
    await sql.connect();
    const streams = await someStreams(toNode);
    return [await catchUp(toNode, toEcho, sql, settings), await load(toNode, toEcho, sql, streams, settings)];
  } finally {
    await Promise.all([closeClient(toNode), closeClient(toEcho), sql.end()]);
    await Promise.all([node.stop(), echo.stop()]);
  }
}

async function catchUp(
  toNode: EventStoreDBClient,
  toEcho: EventStoreDBClient,
  sql: pg.Client,
  settings: Settings,
): Promise<Section> {
  const rates = await inTurns(
    settings.rounds,
    [
      { name: 'Postgres, by pages', run: () => rated(readRows(sql)) },
      { name: 'client from echo', run: () => rated(take(toEcho.readAll({ maxCount: LOG_EVENTS }), LOG_EVENTS)) },
      {
        name: 'client from node, read of $all',
        run: () => rated(take(toNode.readAll({ maxCount: LOG_EVENTS }), LOG_EVENTS)),
      },
      { name: 'client from node, subscription to $all', run: () => rated(take(subscribe(toNode, false), LOG_EVENTS)) },
      { name: 'client from node, filtered subscription', run: () => rated(take(subscribe(toNode, true), LOG_EVENTS)) },
    ],
    settings.tell,
  );
  const median = (name: string) => spread(rates.get(name) ?? []).median;
  const rate = median('client from node, subscription to $all');
  return {
    title: `Catch-up over ${LOG_EVENTS.toLocaleString('en')} events of 1 KB`,
    table: table(
      ['what', 'events/s'],
      [...rates].map(([name, values]) => [name, times(values, 0)]),
    ),
    ratios: [
      {
        name: 'events/s of a subscription',
        value: rate,
        aim: `>= ${AIM_EVENTS_PER_SECOND}`,
        met: rate >= AIM_EVENTS_PER_SECOND,
      },
      {
        name: 'share of what the client takes from an echo',
        value: rate / median('client from echo'),
        aim: '-',
        met: true,
      },
    ],
    raw: Object.fromEntries(rates),
  };
}

async function load(
  toNode: EventStoreDBClient,
  toEcho: EventStoreDBClient,
  sql: pg.Client,
  streams: readonly string[],
  settings: Settings,
): Promise<Section> {
  const stream = () => streams[Math.floor(Math.random() * streams.length)] ?? '';
  const read = async (client: EventStoreDBClient) => {
    await take(client.readStream(stream(), { maxCount: STREAM_EVENTS }), STREAM_EVENTS);
  };
  const rows: [string, Measured[]][] = [];
  for (const inFlight of LOADS_IN_FLIGHT) {
    const measure = (ask: () => Promise<void>) => () => underLoad({ inFlight, ...settings }, ask);
    const results = await inTurns(
      settings.rounds,
      [
        { name: 'Postgres', run: measure(() => readStreamRows(sql, stream())) },
        { name: 'client from echo', run: measure(() => read(toEcho)) },
        { name: 'client from node', run: measure(() => read(toNode)) },
      ],
      settings.tell,
    );
    for (const [name, measured] of results) rows.push([`${inFlight} in flight, ${name}`, [...measured]]);
  }
  return {
    title: `Load of a stream of ${STREAM_EVENTS} events of 1 KB`,
    table: table(
      ['what', 'loads/s', 'p50 ms', 'p99 ms'],
      rows.map(([name, measured]) => [
        name,
        times(
          measured.map(({ rate }) => rate),
          0,
        ),
        times(
          measured.map(({ p50 }) => p50),
          2,
        ),
        times(
          measured.map(({ p99 }) => p99),
          2,
        ),
      ]),
    ),
    ratios: [],
    raw: rows,
  };
}

async function rated(reading: Promise<number>): Promise<number> {
  const begun = performance.now();
  const events = await reading;
  return (events * 1_000) / (performance.now() - begun);
}

const subscribe = (client: EventStoreDBClient, filtered: boolean) =>
  filtered
    ? client.subscribeToAll({
        fromPosition: 'start',
        filter: { filterOn: 'streamName', prefixes: ['bench-'], checkpointInterval: 1 },
      })
    : client.subscribeToAll({ fromPosition: 'start' });

async function someStreams(client: EventStoreDBClient): Promise<string[]> {
  const names = new Set<string>();
  for await (const { event } of client.readAll({ maxCount: 20_000 }))
    if (event?.streamId.startsWith('bench-')) names.add(event.streamId);
  return [...names].slice(0, -1);
}

const COLUMNS = 'position, stream, revision, id, type, json, created, data, metadata';

async function readRows(sql: pg.Client): Promise<number> {
  const text = `select ${COLUMNS} from eventstore.events where position > $1 order by position limit ${PAGE_ROWS}`;
  let [seen, position] = [0, '0'];
  for (;;) {
    const { rows } = await sql.query<{ position: string }>({ name: 'floor-all', text, values: [position] });
    seen += rows.length;
    const last = rows.at(-1);
    if (!last || seen >= LOG_EVENTS) return LOG_EVENTS;
    position = last.position;
  }
}

async function readStreamRows(sql: pg.Client, stream: string): Promise<void> {
  const text = `select ${COLUMNS} from eventstore.events where stream = $1 order by revision limit ${STREAM_EVENTS}`;
  await sql.query({ name: 'floor-stream', text, values: [stream] });
}
