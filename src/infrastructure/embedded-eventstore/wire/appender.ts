/**
 * A client may name itself on its calls: then the node tells it when its events were recorded, and where they are in the log,
 * instead of sending them back to it. Other clients send no such headers, other servers pass them over.
 */
import { Metadata } from '@grpc/grpc-js';

const APPENDER = 'appender';
const OWN_EVENTS = 'own-events';
const POSITIONS = 'positions';
const NAME = /^[0-9a-f-]{1,64}$/;

/** The name of the caller; undefined where it gives none, or one that is none. */
export function appenderOf(metadata: Metadata): string | undefined {
  const name = String(metadata.get(APPENDER)[0] ?? '');
  return NAME.test(name) ? name : undefined;
}

/** Whose events a subscription leaves out; undefined where it is to get all. */
export const leftOutFor = (metadata: Metadata): string | undefined =>
  metadata.get(OWN_EVENTS)[0] === POSITIONS ? appenderOf(metadata) : undefined;

/** Tells a subscriber that its own events come as positions. */
export function positionsOnly(): Metadata {
  const metadata = new Metadata();
  metadata.set(OWN_EVENTS, POSITIONS);
  return metadata;
}
