/** The stored events stream by stream: in another order than that of the log, so for readers that take all of them. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type pg from 'pg';
import type { RecordedEvent } from '../../../application/log/event-log.js';
import type { LogMark } from '../../../application/log/log-identity.js';
import { asRecorded } from '../../../application/log/recorded-place.js';
import type { SizedEvent, StreamOrderedLog, StreamPages } from '../../../application/rebuild/bulk-store.js';

/**
 * `$1` the stream that is done, `$2` where the streams' names end, `$3` the last position, `$4` events, `$5` bytes. A page ends
 * within a stream too: `$6` is the revision there.
 */
const PAGE = {
  name: 'eventstore-by-stream',
  text: `
    select stream, revision::text, position::text, id::text, type, json::text, created::text, data, metadata from (
      select *, sum(octet_length(data) + octet_length(metadata)) over (order by stream, revision)
                - octet_length(data) - octet_length(metadata) as bytes_before
      from (select * from eventstore.events
            where (stream, revision) > ($1, $6::bigint) and stream < $2 and position <= $3
            order by stream, revision limit $4) as found
    ) as measured where bytes_before < $5 order by measured.stream, measured.revision`,
  rowMode: 'array',
  // Bytes come as they are, not as hexadecimal digits; all other columns are texts, which have one form.
  binary: true,
  types: { getTypeParser: () => (text: string) => text },
} as const;

type Row = readonly [
  stream: string,
  revision: string,
  position: string,
  id: string,
  type: string,
  json: string,
  created: string,
  data: string,
  metadata: string,
];

/** Events whose reader keeps the event loop for about a millisecond. */
const IN_A_TURN = 100;

/** After every revision of a stream. */
const END_OF_STREAM = '9223372036854775807';

export class StoredStreams implements StreamOrderedLog {
  /**
   * @param connect gives a connection of its own to the database of the tables
   * @param isLog whether the application's log is the node on that database
   */
  constructor(
    private readonly connect: () => Promise<pg.Client>,
    private readonly isLog: () => Promise<boolean>,
  ) {}

  async holds({ position, id }: LogMark): Promise<boolean> {
    if (!(await this.isLog())) return false;
    const client = await this.connect();
    try {
      const { rows } = await client.query<{ found: string | null }>(`select to_regclass('eventstore.events') as found`);
      if (!rows[0]?.found) return false;
      const { rowCount } = await client.query('select from eventstore.events where position = $1 and id::text = $2', [
        String(position),
        id,
      ]);
      return rowCount === 1;
    } finally {
      await client.end();
    }
  }

  /** The next page is asked for while the one before it is used. */
  async *pages({ prefix, after, to, events, bytes }: StreamPages): AsyncGenerator<readonly SizedEvent[], void> {
    const client = await this.connect();
    const ask = async (stream: string, revision: string): Promise<readonly Row[]> => {
      const values = [stream, endOf(prefix), String(to), events, bytes, revision];
      const { rows } = await client.query<Row[]>({ ...PAGE, values });
      return rows as unknown as readonly Row[];
    };
    try {
      let asked = ask(after ?? prefix, after === null ? '-1' : END_OF_STREAM);
      for (;;) {
        const rows = await asked;
        const last = rows.at(-1);
        if (!last) return;
        asked = ask(last[0], last[1]);
        asked.catch(() => undefined); // it is awaited when this page is done, if it ever is
        for (let at = 0; at < rows.length; at += IN_A_TURN) {
          const some = rows.slice(at, at + IN_A_TURN);
          yield some.map((row) => ({ event: recorded(row), bytes: row[7].length + row[8].length }));
          await nextTurn();
        }
      }
    } finally {
      await client.end();
    }
  }
}

/** The first text, by its bytes, after all that begin so. */
const endOf = (prefix: string): string =>
  prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1);

/** As a subscription gives it. */
const recorded = ([stream, revision, position, id, type, json, created, data, metadata]: Row): RecordedEvent =>
  asRecorded({
    id,
    type,
    stream,
    revision: BigInt(revision),
    position: BigInt(position),
    recordedAt: new Date(Number(created)),
    data: json === 'true' ? parsed(data) : data,
    metadata: metadata === '' ? null : parsed(metadata),
  });

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
};
