import type { Request } from 'express';
import { badRequest, problem, Refusal } from '../server/refusal.js';

const EVENTS = 'text/event-stream';
const LARGEST = 2n ** 63n - 1n;

/** @throws Refusal 406 */
export const mustTakeEvents = (request: Request): void => {
  if (request.accepts(EVENTS)) return;
  throw new Refusal(406, 'NOT_ACCEPTABLE', `Accept: expected ${EVENTS}`, { offered: [EVENTS] });
};

/**
 * Null: from the beginning. The header wins: EventSource sends it when it comes again to the address it was given.
 * @throws Refusal 400
 */
export const lastEventId = (request: Request, queried: string | undefined): bigint | null => {
  const header = request.get('last-event-id');
  const given = header === undefined || header === '' ? queried : header;
  if (given === undefined) return null;
  if (/^\d{1,19}$/.test(given) && BigInt(given) <= LARGEST) return BigInt(given);
  throw badRequest([problem('Last-Event-ID', 'the id of a message of this stream: a whole number from 0', given)]);
};
