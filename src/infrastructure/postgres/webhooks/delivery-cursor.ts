import { z } from 'zod';
import { InvalidCursor } from '../../../application/queries/read-model.js';

const shape = z.tuple([z.string().regex(/^\d{1,18}$/), z.uuid()]);

/** The last row of a page: its event's position, and its id. */
export const toDeliveryCursor = (position: string, id: string): string =>
  Buffer.from(JSON.stringify([position, id])).toString('base64url');

/** @throws InvalidCursor where it is not one that this application gave out */
export const fromDeliveryCursor = (cursor: string): readonly [string, string] => {
  try {
    return shape.parse(JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8')));
  } catch {
    throw new InvalidCursor('The cursor: expected the next_cursor of an earlier answer, got something else');
  }
};
