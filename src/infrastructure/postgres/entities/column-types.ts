/**
 * Milliseconds, as JavaScript's Date has them: finer ones would be cut when read, and a cursor made of what was read would
 * then lose rows.
 */
export const INSTANT = { type: 'timestamp with time zone', precision: 3 } as const;
