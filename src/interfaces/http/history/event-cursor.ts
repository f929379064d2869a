import { InvalidCursor, type EventsAsked } from '../../../application/queries/read-model.js';

type Asked = Pick<EventsAsked, 'order' | 'types'>;

const LARGEST_REVISION = 2n ** 63n - 1n;

/** Where a page ended. It says what the page was of, so that it cannot continue something else. */
export const eventCursor = ({ order, types }: Asked, next: bigint): string =>
  Buffer.from(JSON.stringify([order, String(next), types?.join() ?? '*'])).toString('base64url');

/** @returns the revision that the next page begins after. @throws InvalidCursor, also for another order or other types */
export const cursorRevision = ({ order, types }: Asked, cursor: string): bigint => {
  const text = Buffer.from(cursor, 'base64url').toString('utf8');
  const revision = /^\["(?:asc|desc)","(\d{1,19})",/.exec(text)?.[1];
  const next = BigInt(revision ?? 0);
  if (revision === undefined || next > LARGEST_REVISION || eventCursor({ order, types }, next) !== cursor) {
    throw new InvalidCursor('The cursor: expected the next_cursor of an answer to the same order and types');
  }
  return next;
};
