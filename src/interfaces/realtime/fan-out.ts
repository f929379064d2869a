import type { RowChange, TableColumn } from '../../application/live/row-changes.js';
import type { Binding } from './binding.js';
import { changePayload } from './change-payload.js';
import type { Channel } from './connection.js';
import { encodeWritten } from './frames.js';
import type { RealtimeLimits } from './limits.js';
import type { Subscriptions } from './subscriptions.js';

/** Tells whoever has asked for a change. What is the same for several clients is written once. */
export const fanOut = (
  change: RowChange,
  subscriptions: Subscriptions<Channel>,
  columns: readonly TableColumn[],
  limits: RealtimeLimits,
): void => {
  const payloads = new Map<string, string>();
  const frames = new Map<string, Buffer>();
  for (const [{ connection, topic }, bindings] of subscriptions.of(change, change.record ?? change.key)) {
    for (const [selected, { select, ids }] of bySelection(bindings)) {
      const frame = kept(frames, JSON.stringify([connection.vsn, topic, ids, selected]), () => {
        const data = kept(payloads, selected, () => changePayload(change, columns, select, limits));
        const payload = `{"ids":[${ids.join()}],"data":${data}}`;
        return Buffer.from(encodeWritten(connection.vsn, topic, 'postgres_changes', payload));
      });
      connection.send(frame);
    }
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
