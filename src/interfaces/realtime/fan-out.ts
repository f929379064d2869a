import type { RowChange, TableColumn } from '../../application/live/row-changes.js';
import type { Binding } from './binding.js';
import { changePayload } from './change-payload.js';
import type { Channel } from './connection.js';
import { encodeWritten } from './frames.js';
import type { RealtimeLimits } from './limits.js';
import { TooMuchWork } from './filter-budget.js';
import type { Metering, Subscriptions } from './subscriptions.js';

/** Tells whoever has asked for a change. What is the same for several clients is written once. */
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
        // What all want is made once. A client that wants the same columns in a hundred ways has it made a hundred times.
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
