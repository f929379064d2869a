/** A condition as a function of a row, by the type of its column and with the three truth values of SQL. */
import type { Json } from '../../../domain/json.js';
import type { JsonRow, TableColumn } from '../../../application/live/row-changes.js';
import { valuesOf, type ColumnValues, type Value } from './column-values.js';
import { like } from './like.js';
import { posixPattern } from './posix-pattern.js';
import { FilterRefused, type Condition } from './read-filter.js';
import { readList } from './read-list.js';

export type RowTest = (row: JsonRow) => boolean;

/** Null: unknown, as of a comparison with NULL. */
type Truth = boolean | null;

/** As many as the real server takes. */
const LIST_MEMBERS = 100;

/**
 * A row that lacks the column passes no condition on it: of a row that was deleted only the key is known.
 * @throws FilterRefused for a column that is not there, a value that is none of its type, an operator that it has not
 */
export const compile = (condition: Condition, columns: readonly TableColumn[]): RowTest => {
  const { column: name, negate } = condition;
  const column = columns.find((known) => known.name === name);
  if (!column) throw new FilterRefused(`ERROR P0001 (raise_exception) invalid column for filter ${name}`);
  const test = truthOf(condition, column);
  return (row) => {
    const value = row[name];
    if (value === undefined) return false;
    const truth = test(value);
    return truth !== null && truth !== negate;
  };
};

const truthOf = ({ operator, value }: Condition, column: TableColumn): ((json: Json) => Truth) => {
  if (operator === 'is') return isTest(value, column);
  const values = valuesOf(column.type);
  if (!values) throw refused(`operator ${operator} is not supported for columns of type ${column.type}`);
  const known = (test: (value: Value) => Truth) => (json: Json) => {
    const given = json === null ? undefined : values.of(json);
    return given === undefined ? null : test(given);
  };
  switch (operator) {
    case 'like':
    case 'ilike': {
      needText(values, operator);
      const matches = like(value, { ignoreCase: operator === 'ilike' });
      return known((text) => matches(String(text)));
    }
    case 'match':
    case 'imatch': {
      needText(values, operator);
      const matches = posixPattern(value, { ignoreCase: operator === 'imatch' });
      return known((text) => matches(String(text)));
    }
    case 'in': {
      const members = readList(value);
      if (members.length > LIST_MEMBERS) throw refused(`too many values for \`in\` filter. Maximum ${LIST_MEMBERS}`);
      const wanted = members.filter((member) => member !== null).map((member) => read(member, values));
      const otherwise = wanted.length < members.length ? null : false;
      return known((given) => wanted.some((one) => values.compare(given, one) === 0) || otherwise);
    }
    case 'isdistinct': {
      const wanted = read(value, values);
      const isSame = known((given) => values.compare(given, wanted) === 0);
      return (json) => isSame(json) !== true;
    }
    case 'eq':
    case 'neq': {
      const wanted = read(value, values);
      return known((given) => (values.compare(given, wanted) === 0) === (operator === 'eq'));
    }
    case 'lt':
    case 'lte':
    case 'gt':
    case 'gte': {
      if (!values.isOrdered) throw refused(`operator ${operator} is not supported for columns of type ${values.name}`);
      const wanted = read(value, values);
      const holds = ORDER[operator];
      return known((given) => holds(values.compare(given, wanted)));
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
