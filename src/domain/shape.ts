/** What stored JSON has to look like. A value that holds costs no throw and no object: each event passes here. */

/** Where a value is not what was expected of it. `path` is empty for the value itself. */
export type Mismatch = Readonly<{ path: string; expected: string; got: unknown }>;

/** Undefined where the value holds. */
export type Shape = (value: unknown) => Mismatch | undefined;

export const is =
  (expected: string, holds: (value: unknown) => boolean): Shape =>
  (value) =>
    holds(value) ? undefined : { path: '', expected, got: value };

export const text = is('a text', (value) => typeof value === 'string');
export const flag = is('true or false', (value) => typeof value === 'boolean');
export const number = is('a number', (value) => typeof value === 'number');

export const atLeast = (least: number): Shape =>
  is(`a number from ${least}`, (value) => typeof value === 'number' && value >= least);

export const whole = (least: number): Shape =>
  is(`a whole number from ${least}`, (value) => Number.isSafeInteger(value) && (value as number) >= least);

export const time = is(
  'an ISO-8601 time',
  (value) => typeof value === 'string' && value.length >= 20 && !Number.isNaN(Date.parse(value)),
);

export const object = is(
  'a JSON object',
  (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
);

export const oneOf = (...choices: readonly string[]): Shape =>
  is(`one of ${choices.join(', ')}`, (value) => typeof value === 'string' && choices.includes(value));

export const orNull = (shape: Shape): Shape => {
  return (value) => {
    if (value === null) return undefined;
    const found = shape(value);
    return found && found.path === '' ? { ...found, expected: `${found.expected} or null` } : found;
  };
};

export const listOf =
  (item: Shape, { least = 0 }: Readonly<{ least?: number }> = {}): Shape =>
  (value) => {
    if (!Array.isArray(value) || value.length < least) {
      return { path: '', expected: least > 0 ? `an array of at least ${least}` : 'an array', got: value };
    }
    for (let index = 0; index < value.length; index++) {
      const found = item(value[index]);
      if (found) return within(`[${index}]`, found);
    }
    return undefined;
  };

type Fields = Readonly<Record<string, Shape>>;

/** Members that are not named here may be there and hold anything: a later version wrote them. */
export const record = (required: Fields, optional: Fields = {}): Shape => {
  const names = [...Object.keys(required), ...Object.keys(optional)];
  const shapes = [...Object.values(required), ...Object.values(optional)];
  const needed = Object.keys(required).length;
  return (value) => {
    const found = object(value);
    if (found) return found;
    const members = value as Readonly<Record<string, unknown>>;
    for (let index = 0; index < names.length; index++) {
      const member = members[names[index]!];
      if (member === undefined && index >= needed) continue;
      const wrong = shapes[index]!(member);
      if (wrong) return within(names[index]!, wrong);
    }
    return undefined;
  };
};

const within = (place: string, { path, expected, got }: Mismatch): Mismatch => ({
  path: path === '' || path.startsWith('[') ? place + path : `${place}.${path}`,
  expected,
  got,
});

const LONGEST_SHOWN = 60;

/** For messages: what came, in few words. */
const shownValue = (value: unknown): string => {
  if (value === undefined) return 'nothing';
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (typeof value === 'object' && value !== null) return 'an object';
  if (typeof value === 'string' && value.length > LONGEST_SHOWN) return `a text of ${value.length} characters`;
  return JSON.stringify(value);
};

/** @throws where the data of an event of that type are not what they should be: which member, what was expected, what came */
export const mustHold = (shape: Shape, type: string, data: unknown): void => {
  const wrong = shape(data);
  if (!wrong) return;
  const place = wrong.path === '' ? 'as its data' : `at ${wrong.path}`;
  throw new Error(`Event ${type}: expected ${wrong.expected} ${place}, got ${shownValue(wrong.got)}`);
};
