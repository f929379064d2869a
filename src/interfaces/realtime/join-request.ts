/** What the payload of `phx_join` asks for. */
import { createHash } from 'node:crypto';
import type { Json, JsonObject } from '../../domain/json.js';

/** An entry of `config.postgres_changes` as it came, and the number under which its changes are sent. */
export type AskedBinding = Readonly<{ params: JsonObject; id: number }>;

export type JoinRequest = Readonly<{
  asked: readonly AskedBinding[];
  wantsPresence: boolean;
  acksBroadcasts: boolean;
  /** Whether subscriptions that cannot be made refuse the join; else it is answered before they are looked at. */
  awaitsSubscriptions: boolean;
}>;

/** @returns undefined where a binding is no object */
export const readJoin = (payload: Json | undefined): JoinRequest | undefined => {
  const config = member(payload, 'config');
  const asked = listMember(config, 'postgres_changes');
  if (!asked.every(isObject)) return undefined;
  return {
    asked: withIds(asked),
    wantsPresence: member(member(config, 'presence'), 'enabled') !== false,
    acksBroadcasts: member(member(config, 'broadcast'), 'ack') === true,
    awaitsSubscriptions: member(member(config, 'postgres_changes_options'), 'wait') === true,
  };
};

const isObject = (value: Json): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const member = (value: Json | undefined, name: string): Json | undefined =>
  value !== undefined && isObject(value) ? value[name] : undefined;

const listMember = (value: Json | undefined, name: string): readonly Json[] => {
  const list = member(value, name);
  return Array.isArray(list) ? (list as readonly Json[]).filter((item) => item !== null) : [];
};

const ID_RANGE = 2 ** 27;

/**
 * One number for one binding, whoever asks for it: then many clients can be sent the same text. Should two that differ
 * meet in a channel, the later one gets the next.
 */
const withIds = (asked: readonly JsonObject[]): readonly AskedBinding[] => {
  const taken = new Map<number, string>();
  return asked.map((params) => {
    const text = JSON.stringify(params);
    let id = createHash('sha256').update(text).digest().readUInt32BE() % ID_RANGE;
    while ((taken.get(id) ?? text) !== text) id += 1;
    taken.set(id, text);
    return { params, id };
  });
};
