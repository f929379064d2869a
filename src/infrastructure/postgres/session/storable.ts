/** Postgres' text cannot hold U+0000, and its JSON no half of a character either. */
export const storable = (value: unknown): unknown => {
  if (typeof value === 'bigint') return String(value);
  return typeof value === 'string' ? value.replaceAll('\0', '\uFFFD').toWellFormed() : value;
};

export const storableJson = (value: unknown): string =>
  JSON.stringify(value, (_key, member: unknown) => storable(member));
