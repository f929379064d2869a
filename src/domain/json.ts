/** JSON as it is stored: whatever `JSON.parse` can give. */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export type JsonObject = { readonly [key: string]: Json };

/** One text for one value: keys sorted, no white space (RFC 8785 for the values that JSON events hold). Made to be hashed. */
export const canonicalJson = (value: Json): string => {
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  if (isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  const members = Object.keys(value)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${canonicalJson(value[key]!)}`);
  return `{${members.join(',')}}`;
};

const isArray = (value: object): value is readonly Json[] => Array.isArray(value);
