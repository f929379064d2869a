/** What stands in the text of an array as it is: no quote, comma, brace or space, and not the word for no value. */
const BARE = /^(?!null$)[\w.:+-]+$/i;

/**
 * The text of a Postgres array, where its elements need no quotes, as ids, numbers and times do: the driver makes two copies of
 * each to escape it. The values themselves otherwise, for the driver to quote.
 */
export const arrayText = (values: readonly unknown[]): string | readonly unknown[] => {
  const elements: string[] = [];
  for (const value of values) {
    const element = value === null ? 'NULL' : textOf(value);
    if (element === undefined) return values;
    elements.push(element);
  }
  return `{${elements.join(',')}}`;
};

/** Undefined where it has to be quoted, or is no scalar. */
const textOf = (value: unknown): string | undefined => {
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  return typeof value === 'string' && BARE.test(value) ? value : undefined;
};
