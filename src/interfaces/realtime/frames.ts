/** Messages of Phoenix channels, as text frames of version 1.0.0 (objects) or 2.0.0 (arrays). */
import { createHash } from 'node:crypto';
import { excessOf } from '../../domain/json-scan.js';
import type { Json, JsonObject } from '../../domain/json.js';

export type Vsn = '1.0.0' | '2.0.0';

/** The parameter `vsn` of the URL. @returns undefined for a version that is not spoken here */
export const vsnOf = (parameter: string | null): Vsn | undefined =>
  parameter === null || /^1\.0\.\d+$/.test(parameter) ? '1.0.0' : /^2\.0\.\d+$/.test(parameter) ? '2.0.0' : undefined;

export type Ref = string | null;

export type Message = Readonly<{
  joinRef: Ref;
  ref: Ref;
  topic: string;
  event: string;
  /** Undefined of a binary frame: only broadcasts come in them. */
  payload: Json | undefined;
}>;

/** @param members that its arrays and objects may have. @returns undefined for what is no message */
export const decodeFrame = (data: Buffer, isBinary: boolean, vsn: Vsn, members: number): Message | undefined => {
  if (isBinary) return vsn === '2.0.0' ? decodeBinary(data) : undefined;
  if (excessOf(data, { depth: LEVELS, members })) return undefined;
  try {
    const parsed: unknown = JSON.parse(data.toString('utf8'));
    if (vsn === '2.0.0') return Array.isArray(parsed) && parsed.length === 5 ? checked(...(parsed as Five)) : undefined;
    if (typeof parsed !== 'object' || parsed === null) return undefined;
    const { join_ref, ref, topic, event, payload } = parsed as Record<string, unknown>;
    return checked(join_ref, ref, topic, event, payload);
  } catch {
    return undefined;
  }
};

/** Of objects and arrays in each other. What is nested without end can be read, and not be written again. */
const LEVELS = 64;

type Five = [unknown, unknown, unknown, unknown, unknown];

const checked = (...[joinRef, ref, topic, event, payload]: Five): Message | undefined => {
  if (typeof topic !== 'string' || typeof event !== 'string' || payload === undefined) return undefined;
  const refs = [joinRef, ref].map((given) => (typeof given === 'number' ? String(given) : (given ?? null)));
  if (!refs.every((given) => given === null || typeof given === 'string')) return undefined;
  return { joinRef: refs[0] as Ref, ref: refs[1] as Ref, topic, event, payload: payload as Json };
};

const PUSH = 0;
const BROADCAST_PUSH = 3;

/** What a message is of stands in its head: sizes in bytes, then the texts; what it holds is not looked at. */
const decodeBinary = (data: Buffer): Message | undefined => {
  const kind = data[0];
  if (kind !== PUSH && kind !== BROADCAST_PUSH) return undefined;
  const [sizes, headEnd] = [data.subarray(1, 5), kind === PUSH ? 5 : 7];
  if (data.length < headEnd + sizes.reduce((sum, size) => sum + size, 0)) return undefined;
  let at = headEnd;
  const [joinRef = '', ref = '', topic = '', event = ''] = [...sizes].map((size) =>
    data.toString('utf8', at, (at += size)),
  );
  const named = kind === BROADCAST_PUSH ? 'broadcast' : event;
  return { joinRef: joinRef || null, ref: ref || null, topic, event: named, payload: undefined };
};

export const encodeFrame = (vsn: Vsn, { joinRef, ref, topic, event, payload }: Message): string =>
  vsn === '2.0.0'
    ? JSON.stringify([joinRef, ref, topic, event, payload])
    : JSON.stringify({ ref, topic, event, payload });

/** @param payload as JSON already: what many clients get is written once */
export const encodeWritten = (vsn: Vsn, topic: string, event: string, payload: string): string => {
  const [topicText, eventText] = [JSON.stringify(topic), JSON.stringify(event)];
  return vsn === '2.0.0'
    ? `[null,null,${topicText},${eventText},${payload}]`
    : `{"ref":null,"topic":${topicText},"event":${eventText},"payload":${payload}}`;
};

type Status = 'ok' | 'error';

export const reply = (to: Message, status: Status, response: Json = {}): Message => ({
  ...to,
  event: 'phx_reply',
  payload: { status, response },
});

/** `phx_close` and `phx_error` carry the reference of the join that they end. */
export const ended = (topic: string, joinRef: Ref, event: 'phx_close' | 'phx_error'): Message => ({
  joinRef,
  ref: joinRef,
  topic,
  event,
  payload: {},
});

export const systemMessage = (topic: string, joinRef: Ref, status: Status, message: string): Message => ({
  joinRef,
  ref: null,
  topic,
  event: 'system',
  payload: { message, status, extension: 'postgres_changes', channel: channelName(topic) },
});

const PREFIX = 'realtime:';

/** @returns undefined for a topic that is none of Realtime's */
export const channelName = (topic: string): string | null =>
  topic.startsWith(PREFIX) ? topic.slice(PREFIX.length) : null;

/** What the payload of `phx_join` asks for. */

/** An entry of `config.postgres_changes` as it came, and the number under which its changes are sent. */
export type RequestedBinding = Readonly<{ params: JsonObject; id: number }>;

type JoinRequest = Readonly<{
  requested: readonly RequestedBinding[];
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
    requested: withIds(asked),
    wantsPresence: member(member(config, 'presence'), 'enabled') !== false,
    acksBroadcasts: member(member(config, 'broadcast'), 'ack') === true,
    awaitsSubscriptions: member(member(config, 'postgres_changes_options'), 'wait') === true,
  };
};

const isObject = (value: Json): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** @returns undefined where the value is no object, or has no such member */
export const member = (value: Json | undefined, name: string): Json | undefined =>
  value !== undefined && isObject(value) ? value[name] : undefined;

const listMember = (value: Json | undefined, name: string): readonly Json[] => {
  const list = member(value, name);
  return Array.isArray(list) ? (list as readonly Json[]).filter((item) => item !== null) : [];
};

const ID_RANGE = 2 ** 27;

/**
 * The same number for the same binding of any client: then many clients can be sent the same text. Should two different
 * bindings of a channel have the same number, the later gets the next.
 */
const withIds = (asked: readonly JsonObject[]): readonly RequestedBinding[] => {
  const taken = new Map<number, string>();
  return asked.map((params) => {
    const text = JSON.stringify(params);
    let id = createHash('sha256').update(text).digest().readUInt32BE() % ID_RANGE;
    while ((taken.get(id) ?? text) !== text) id += 1;
    taken.set(id, text);
    return { params, id };
  });
};
