import { hash } from 'node:crypto';

/** The only source of randomness. */
export abstract class Ids {
  abstract uuid(): string;
  /** One that sorts behind those made before it: what is stored under such ids lies together, however much is stored. */
  abstract orderedUuid(): string;
  /** A number in [0, 1), to spread retries of many instances over time. */
  abstract jitter(): number;
}

/** Namespace of every id this application derives. A constant of the storage contract. */
const NAMESPACE = Buffer.from('5d3c1b866b0f4c1e9f0e5d0a3c7b7a11', 'hex');

/** A UUID of version 5 (RFC 9562) in one go: the library makes a hash object for each, and every event has an id. */
const derive = (...parts: readonly (string | number)[]): string => {
  const hex = hash('sha1', Buffer.concat([NAMESPACE, Buffer.from(JSON.stringify(parts))]), 'hex');
  const variant = VARIANT[Number.parseInt(hex.charAt(16), 16) % VARIANT.length];
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-5${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
};

/** The digit with the variant's two bits, by the two bits that are kept. */
const VARIANT = '89ab';

/**
 * The same events appended again have the same ids: the log can tell a repeat from a rival. A command that was decided
 * twice with another content (by two instances, at two times) is a rival: its ids differ, and one of the two is refused.
 */
export const eventId = (owner: string, commandId: string, index: number, content: string): string =>
  derive('event', owner, commandId, index, content);

/** Begins like the execution's, so that they lie together. Version 8 of UUIDs: of our own making. */
export const stepId = (executionId: string, step: string): string =>
  `${executionId.slice(0, '01234567-0123'.length)}-8${derive('step', executionId, step).slice('01234567-0123-4'.length)}`;

/** A client that repeats a start under one Idempotency-Key gets the execution that the first one made. */
export const executionIdFor = (idempotencyKey: string): string => derive('execution', idempotencyKey);

/** A control command that is repeated under one Idempotency-Key is one command. */
export const commandIdFor = (executionId: string, verb: string, idempotencyKey: string): string =>
  derive('command', executionId, verb, idempotencyKey);

/** The same event to the same subscriber is the same delivery, however often it is queued or sent. */
export const webhookDeliveryId = (webhookId: string, stream: string, revision: bigint): string =>
  derive('webhook-delivery', webhookId, stream, String(revision));
