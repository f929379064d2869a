import type { RowChange, TableColumn, JsonRow } from '../../application/live/row-changes.js';
import type { Json } from '../../domain/json.js';
import { type Binding, SCHEMA } from './binding.js';
import type { Channel } from './connection.js';
import { encodeWritten } from './frames.js';
import type { RealtimeLimits } from './limits.js';
import { TooMuchWork } from './filter-budget.js';
import type { Metering, Subscriptions } from './subscriptions.js';

/** A row that is too large is sent without the columns that are longer than this, as JSON. */
const SMALL_COLUMN = 64;

/**
 * `data` of a message `postgres_changes`, as JSON. Of the row before an UPDATE or DELETE the key is known, as with the
 * replica identity that tables have by default.
 * @param select columns besides the key; null: all
 */
const changePayload = (
  { table, type, key, record, at }: RowChange,
  columns: readonly TableColumn[],
  select: readonly string[] | null,
  limits: Readonly<{ recordBytes: number }>,
): string => {
  const isSent = (name: string) => select === null || select.includes(name) || name in key;
  const picked =
    record && select ? Object.fromEntries(Object.entries(record).filter(([name]) => isSent(name))) : record;
  const payload = {
    schema: SCHEMA,
    table,
    type,
    commit_timestamp: at,
    columns: columns.filter(({ name }) => isSent(name)).map(({ name, type }) => ({ name, type })),
    errors: null,
    ...(picked ? { record: picked } : {}),
    ...(type === 'INSERT' ? {} : { old_record: key }),
  };
  const whole = JSON.stringify(payload);
  if (!picked || Buffer.byteLength(whole) <= limits.recordBytes) return whole;
  return JSON.stringify({ ...payload, record: smallColumns(picked), errors: ['Error 413: Payload Too Large'] });
};

const smallColumns = (record: JsonRow): Json =>
  Object.fromEntries(
    Object.entries(record).filter(([, value]) => Buffer.byteLength(JSON.stringify(value)) <= SMALL_COLUMN),
  );

/** Sends a change to the clients whose bindings it passes. A message that is the same for several clients is written once. */
export const fanOut = (
  change: RowChange,
  subscriptions: Subscriptions<Channel>,
  columns: readonly TableColumn[],
  limits: RealtimeLimits,
  metering: Metering<Channel>,
): void => {
  const payloads = new Map<string, string>();
  const frames = new Map<string, Buffer>();
  for (const [channel, bindings] of subscriptions.of(change, change.record ?? change.key, metering)) {
    const { connection, topic } = channel;
    for (const [selected, { select, ids }] of bySelection(bindings)) {
      const key = JSON.stringify([connection.vsn, topic, ids, selected]);
      let frame = frames.get(key);
      if (!frame) {
        const data = kept(payloads, selected, () => changePayload(change, columns, select, limits));
        // A message with all columns is made once for all clients; a client that selects columns in a hundred ways pays for a hundred.
        if (select && !charge(metering, channel, data.length >> WRITTEN)) break;
        const payload = `{"ids":[${ids.join()}],"data":${data}}`;
        frame = Buffer.from(encodeWritten(connection.vsn, topic, 'postgres_changes', payload));
        frames.set(key, frame);
      }
      connection.send(frame);
    }
  }
};

/** Writing so many times two characters is a step. */
const WRITTEN = 3;

/** @returns false where that was too much */
const charge = ({ spendFor, end }: Metering<Channel>, channel: Channel, steps: number): boolean => {
  try {
    spendFor(channel)(steps);
    return true;
  } catch (error) {
    if (!(error instanceof TooMuchWork)) throw error;
    end(channel, error.message);
    return false;
  }
};

type Selection = Readonly<{ select: readonly string[] | null; ids: number[] }>;

/** Bindings of one client that want the same columns share a message. */
const bySelection = (bindings: readonly Binding[]): ReadonlyMap<string, Selection> => {
  const groups = new Map<string, Selection>();
  for (const { select, id } of bindings)
    kept(groups, select?.join() ?? '*', (): Selection => ({ select, ids: [] })).ids.push(id);
  return groups;
};

const kept = <T>(map: Map<string, T>, key: string, make: () => T): T => {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
};
