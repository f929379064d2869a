import { z } from 'zod';
import { InvalidCursor } from '../../../application/queries/read-model.js';

/** The last row of the page before. */
export type Place = Readonly<{ created_at: Date; id: string }>;

const shape = z.tuple([z.iso.datetime({ precision: 3 }), z.uuid()]);

/** A UUID and a time in base64 are 92 characters long. */
const MAX_CURSOR_CHARACTERS = 200;

export const toCursor = ({ created_at, id }: Place): string =>
  Buffer.from(JSON.stringify([created_at.toISOString(), id])).toString('base64url');

/** @throws InvalidCursor where it is not one that this application gave out */
export const fromCursor = (cursor: string): Place => {
  const invalid = () =>
    new InvalidCursor('The cursor: expected the next_cursor of an earlier answer, got something else');
  if (cursor.length > MAX_CURSOR_CHARACTERS || !/^[A-Za-z0-9_-]+$/.test(cursor)) throw invalid();
  try {
    const [created_at, id] = shape.parse(JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8')));
    return { created_at: new Date(created_at), id };
  } catch {
    throw invalid();
  }
};
