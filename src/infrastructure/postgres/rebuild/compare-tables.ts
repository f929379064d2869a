/** Two tables of one shape: by the sums of their rows, and row by row where these differ, in the order of their key. Each is read as of one moment. */
import type pg from 'pg';
import { escapeIdentifier } from 'pg';
import type { Compared } from '../../../application/rebuild/rebuild-store.js';
import type { RowDifference } from '../../../domain/projection/events.js';
import type { TableShape } from '../projections/row-statements.js';

/** Rows that are fetched at once; a row is its key and a digest. */
const FETCHED = 5_000;

export type Side = Readonly<{ client: pg.Client; schema: string }>;

type Entry = Readonly<{ key: readonly string[]; digest: string }>;

type Counts = Omit<Compared, 'position'>;

export const NO_DIFFERENCE = { added: 0, removed: 0, changed: 0, samples: [] } as const;

type Sum = Readonly<{ count: string; sum: string | null }>;

/**
 * How many rows both have, where all are the same: their number and the sum of their digests are. Null where these differ, and it
 * has to be looked row by row. The seed is another one each time, so that nobody makes a row whose digest is that of another.
 */
export const sameRows = async (shape: TableShape, live: Side, rebuilt: Side): Promise<number | null> => {
  const seeds = await live.client.query<{ seed: string; nothing: string }>(
    `select hashtextextended(gen_random_uuid()::text, 0)::text as seed, gen_random_uuid()::text as nothing`,
  );
  const { seed, nothing } = seeds.rows[0]!;
  const sumOf = async ({ client, schema }: Side): Promise<Sum> => {
    const { rows } = await client.query<Sum>(
      `select count(*) as count, sum((${digest(shape)})::numeric) as sum
       from ${escapeIdentifier(schema)}.${escapeIdentifier(shape.name)}`,
      [seed, nothing],
    );
    return rows[0]!;
  };
  const [ours, theirs] = await Promise.all([sumOf(live), sumOf(rebuilt)]);
  return ours.count === theirs.count && ours.sum === theirs.sum ? Number(ours.count) : null;
};

/** Each column's text is digested with the digest of those before it as the seed: cheaper than the text of the whole row. */
const digest = ({ columns }: TableShape): string =>
  [...columns.keys()].reduce(
    (before, name) => `hashtextextended(coalesce(${escapeIdentifier(name)}::text, $2), ${before})`,
    '$1::bigint',
  );

/** Row by row. Both clients are in a transaction of their own, and stay in it. */
export const compareTables = async (shape: TableShape, live: Side, rebuilt: Side, samples: number): Promise<Counts> => {
  const counts = { live: 0, rebuilt: 0, added: 0, removed: 0, changed: 0 };
  const found: RowDifference[] = [];
  const [ours, theirs] = [entries(shape, live), entries(shape, rebuilt)];
  let [a, b] = [await next(ours), await next(theirs)];
  while (a || b) {
    const order = !a ? 1 : !b ? -1 : compareKeys(shape, a.key, b.key);
    const key = (order <= 0 ? a : b)!.key;
    const kind = order < 0 ? 'removed' : order > 0 ? 'added' : 'changed';
    if (order !== 0 || a!.digest !== b!.digest) {
      counts[kind]++;
      if (found.length < samples) found.push(await difference(shape, kind, key, live, rebuilt));
    }
    if (order <= 0) {
      counts.live++;
      a = await next(ours);
    }
    if (order >= 0) {
      counts.rebuilt++;
      b = await next(theirs);
    }
  }
  return { ...counts, samples: found };
};

const next = async (iterator: AsyncGenerator<Entry, void>): Promise<Entry | undefined> =>
  (await iterator.next()).value ?? undefined;

async function* entries(
  { name, primaryKey, columns }: TableShape,
  { client, schema }: Side,
): AsyncGenerator<Entry, void> {
  const order = primaryKey.map((column) =>
    columns.get(column)?.type === 'text' ? `${escapeIdentifier(column)} collate "C"` : escapeIdentifier(column),
  );
  const key = `array[${primaryKey.map((column) => `${escapeIdentifier(column)}::text`).join(', ')}]`;
  await client.query(
    `declare compared no scroll cursor for
     select ${key} as key, md5(t::text) as digest from ${escapeIdentifier(schema)}.${escapeIdentifier(name)} t order by ${order.join(', ')}`,
  );
  for (;;) {
    const { rows } = await client.query<Entry>(`fetch ${FETCHED} from compared`);
    yield* rows;
    if (rows.length < FETCHED) break;
  }
  await client.query('close compared');
}

/** As Postgres orders them: numbers as numbers, UUIDs and texts by their bytes. */
const compareKeys = ({ primaryKey, columns }: TableShape, a: readonly string[], b: readonly string[]): number => {
  for (const [index, column] of primaryKey.entries()) {
    const order = compareValues(columns.get(column)?.type, a[index]!, b[index]!);
    if (order !== 0) return order;
  }
  return 0;
};

const compareValues = (type: string | undefined, a: string, b: string): number => {
  if (a === b) return 0;
  if (type === 'bigint' || type === 'integer') return BigInt(a) < BigInt(b) ? -1 : 1;
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
};

/** Of a text that is shown. */
const SHOWN_CHARACTERS = 500;

const difference = async (
  shape: TableShape,
  kind: RowDifference['kind'],
  key: readonly string[],
  live: Side,
  rebuilt: Side,
): Promise<RowDifference> => {
  const [ours, theirs] = [await rowAt(shape, live, key), await rowAt(shape, rebuilt, key)];
  const names = kind === 'changed' ? [...shape.columns.keys()].filter((name) => ours[name] !== theirs[name]) : [];
  const shown = (value: string | null | undefined) => value?.slice(0, SHOWN_CHARACTERS) ?? null;
  return {
    kind,
    key: Object.fromEntries(shape.primaryKey.map((column, index) => [column, key[index]!])),
    columns: names.map((name) => ({ name, live: shown(ours[name]), rebuilt: shown(theirs[name]) })),
  };
};

const rowAt = async (
  { name, primaryKey, columns }: TableShape,
  { client, schema }: Side,
  key: readonly string[],
): Promise<Readonly<Record<string, string | null>>> => {
  const selected = [...columns.keys()].map((column) => `${escapeIdentifier(column)}::text`).join(', ');
  const where = primaryKey
    .map((column, index) => `${escapeIdentifier(column)} = $${index + 1}::${columns.get(column)!.type}`)
    .join(' and ');
  const { rows } = await client.query<Record<string, string | null>>(
    `select ${selected} from ${escapeIdentifier(schema)}.${escapeIdentifier(name)} where ${where}`,
    [...key],
  );
  return rows[0] ?? {};
};
