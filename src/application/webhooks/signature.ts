/** Signatures of what is sent to others, webhooks and calls of agents alike, as Standard Webhooks has them. */
import { createHmac } from 'node:crypto';

export const SECRET_PREFIX = 'whsec_';

/** The bytes that a secret stands for. @param secret base64, with or without `whsec_` before it */
export const keyOf = (secret: string): Buffer =>
  Buffer.from(secret.startsWith(SECRET_PREFIX) ? secret.slice(SECRET_PREFIX.length) : secret, 'base64');

/** `v1,` and the base64 of an HMAC-SHA256 over id, timestamp and body, with points between. */
export const signatureOf = (secret: string, id: string, timestamp: number, body: string): string =>
  `v1,${createHmac('sha256', keyOf(secret)).update(`${id}.${timestamp}.${body}`).digest('base64')}`;

/**
 * One signature for each secret, so that a receiver may have the old one or the new.
 * @param id the same for every repetition, so that a receiver recognises them
 * @param body as it is sent, byte by byte
 */
export const signatureHeaders = (
  id: string,
  secrets: readonly string[],
  body: string,
  now: Date,
): Readonly<Record<string, string>> => {
  const timestamp = Math.floor(now.getTime() / 1_000);
  return {
    'webhook-id': id,
    'webhook-timestamp': String(timestamp),
    'webhook-signature': secrets.map((secret) => signatureOf(secret, id, timestamp, body)).join(' '),
  };
};
