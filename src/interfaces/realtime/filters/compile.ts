/** A condition as a function of a row, by the type of its column and with the three truth values of SQL. */
import type { Json } from '../../../domain/json.js';
import type { JsonRow, TableColumn } from '../../../application/live/row-changes.js';
import { valuesOf, type ColumnValues, type Value } from './column-values.js';
import { like } from './like.js';
import { posixPattern } from './posix-pattern.js';
import { FilterRefused, type Condition, unmetered, type Spend, readList } from './read-filter.js';

/** `steps`: how much of it there is, whatever the row. */
export type RowTest = ((row: JsonRow, spend?: Spend) => boolean) & Readonly<{ steps: number }>;

/** Null: unknown, as of a comparison with NULL. */
type Truth = boolean | null;

/** As many as the real server takes. */
const LIST_MEMBERS = 100;

/** Comparing so many times two characters is a step. */
const LONG = 7;

/**
 * A row that lacks the column passes no condition on it: of a row that was deleted only the key is known.
 * @throws FilterRefused for a column that is not there, a value that is none of its type, an operator that it has not
 */
export const compile = (condition: Condition, columns: readonly TableColumn[]): RowTest => {
  const { column: name, negate } = condition;
  const column = columns.find((known) => known.name === name);
  if (!column) throw new FilterRefused(`ERROR P0001 (raise_exception) invalid column for filter ${name}`);
  const { steps = 0, ...test } = truthOf(condition, column);
  const passes = (row: JsonRow, spend = unmetered) => {
    const value = row[name];
    if (value === undefined) return false;
    const truth = test.of(value, spend);
    return truth !== null && truth !== negate;
  };
  return Object.assign(passes, { steps: 1 + steps });
};

type Test = (json: Json, spend: Spend) => Truth;
type Truths = Readonly<{ of: Test; steps?: number }>;

const truthOf = ({ operator, value }: Condition, column: TableColumn): Truths => {
  if (operator === 'is') return { of: isTest(value, column) };
  const values = valuesOf(column.type);
  if (!values) throw refused(`operator ${operator} is not supported for columns of type ${column.type}`);
  const known =
    (test: (value: Value, spend: Spend) => Truth): Test =>
    (json, spend) => {
      const given = json === null ? undefined : values.of(json);
      return given === undefined ? null : test(given, spend);
    };
  // Two documents of a megabyte may differ in their last byte.
  const compare = (a: Value, b: Value, spend: Spend) => {
    if (typeof a === 'string') spend(a.length >> LONG);
    return values.compare(a, b);
  };
  switch (operator) {
    case 'like':
    case 'ilike': {
      needText(values, operator);
      const matches = like(value, { ignoreCase: operator === 'ilike' });
      return { of: known((text, spend) => matches(String(text), spend)), steps: value.length };
    }
    case 'match':
    case 'imatch': {
      needText(values, operator);
      const matches = posixPattern(value, { ignoreCase: operator === 'imatch' });
      return { of: known((text, spend) => matches(String(text), spend)), steps: matches.steps };
    }
    case 'in': {
      const members = readList(value);
      if (members.length > LIST_MEMBERS) throw refused(`too many values for \`in\` filter. Maximum ${LIST_MEMBERS}`);
      const wanted = members.filter((member) => member !== null).map((member) => read(member, values));
      const otherwise = wanted.length < members.length ? null : false;
      const isIn = known((given, spend) => wanted.some((member) => compare(given, member, spend) === 0) || otherwise);
      return { of: isIn, steps: wanted.length };
    }
    case 'isdistinct': {
      const wanted = read(value, values);
      const isSame = known((given, spend) => compare(given, wanted, spend) === 0);
      return { of: (json, spend) => isSame(json, spend) !== true };
    }
    case 'eq':
    case 'neq': {
      const wanted = read(value, values);
      return { of: known((given, spend) => (compare(given, wanted, spend) === 0) === (operator === 'eq')) };
    }
    case 'lt':
    case 'lte':
    case 'gt':
    case 'gte': {
      if (!values.isOrdered) throw refused(`operator ${operator} is not supported for columns of type ${values.name}`);
      const wanted = read(value, values);
      const holds = ORDER[operator];
      return { of: known((given, spend) => holds(compare(given, wanted, spend))) };
    }
  }
};

const ORDER = {
  lt: (order: number) => order < 0,
  lte: (order: number) => order <= 0,
  gt: (order: number) => order > 0,
  gte: (order: number) => order >= 0,
} as const;

const isTest = (word: string, column: TableColumn): ((json: Json) => Truth) => {
  if (!['null', 'true', 'false', 'unknown'].includes(word))
    throw refused('invalid value for is filter: must be null, true, false, or unknown');
  if (word !== 'null' && column.type !== 'bool')
    throw refused(`is ${word} filter requires a boolean column, got ${valuesOf(column.type)?.name ?? column.type}`);
  if (word === 'null' || word === 'unknown') return (json) => json === null;
  return (json) => json === (word === 'true');
};

const needText = ({ isText = false, name }: ColumnValues, operator: string): void => {
  if (!isText) throw refused(`operator ${operator} requires a text-compatible column type, got ${name}`);
};

const read = (text: string, { read: parse, name }: ColumnValues): Value => {
  const value = parse(text);
  if (value !== undefined) return value;
  throw new FilterRefused(
    `ERROR 22P02 (invalid_text_representation) invalid input syntax for type ${name}: ${JSON.stringify(text)}`,
  );
};

const refused = (message: string) => new FilterRefused(`ERROR P0001 (raise_exception) ${message}`);
