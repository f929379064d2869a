/** Who changes the audit key, and who is there, as they say themselves: the machine proves nobody. The event is a storage contract. */
import { ACCESS_STREAM_PREFIX } from '../access/directory.js';
import { CommandRejected, type Decider, type Message } from '../decider.js';
import { mustHold, orNull, record, text, time } from '../shape.js';

/** `from`, `to`: fingerprints of the keys. `by`, `witness`: names of two persons; `account`: that of the machine. */
export type KeyChangeOrder = Readonly<{
  from: string;
  to: string;
  by: string;
  witness: string;
  account: string;
  reason: string | null;
  at: string;
}>;

type KeyChangeEvent = Message<'AuditKeyChangeOrdered', KeyChangeOrder>;

export const KEY_CHANGE_STREAM = `${ACCESS_STREAM_PREFIX}audit-key`;

const plain = (name: string): string => name.trim().replace(/\s+/g, ' ').toLowerCase();

/** Each order is a fact of its own; the state is the number of them. */
export const keyChanges: Decider<Message<'OrderKeyChange', KeyChangeOrder>, number, KeyChangeEvent> = {
  initialState: 0,
  decide: ({ data }) => {
    if (plain(data.by) === '' || plain(data.witness) === '' || plain(data.by) === plain(data.witness))
      throw new CommandRejected(
        'Conflict',
        `Expected the names of two persons: --by NAME and --witness NAME; got "${data.by}" and "${data.witness}"`,
      );
    return [{ type: 'AuditKeyChangeOrdered', data }];
  },
  evolve: (orders) => orders + 1,
};

const shape = record({ from: text, to: text, by: text, witness: text, account: text, reason: orNull(text), at: time });

/** Null for a type that this version does not know. @throws where a known event does not hold what it should */
export const readKeyChangeEvent = (type: string, data: unknown): KeyChangeEvent | null => {
  if (type !== 'AuditKeyChangeOrdered') return null;
  mustHold(shape, type, data);
  return { type, data: data as KeyChangeOrder };
};
