/** What one entry of `config.postgres_changes` asks for. */
import type { Json, JsonObject } from '../../domain/json.js';
import type { RowChange, RowChanges, TableColumn } from '../../application/live/row-changes.js';
import { compile, type RowTest } from './filters/compile.js';
import { like } from './filters/like.js';
import { FilterRefused, readFilter, type Condition } from './filters/read-filter.js';
import type { AskedBinding } from './join-request.js';

/** The schema in which clients know the tables, whichever they are in. */
export const SCHEMA = 'public';

export type Binding = Readonly<{
  id: number;
  event: '*' | RowChange['type'];
  /** Each table by itself, as its columns have types of their own. */
  tables: readonly TableBinding[];
  /** Columns to send besides the key; null: all. */
  select: readonly string[] | null;
}>;

export type TableBinding = Readonly<{ table: string; conditions: readonly Condition[]; passes: RowTest }>;

/** A subscription that cannot be made. Its message is told to the client. */
class BindingRefused extends Error {}

/** All of a channel's subscriptions, or none and why. */
export const readBindings = (
  asked: readonly AskedBinding[],
  tables: ReturnType<RowChanges['tables']>,
  limits: Readonly<{ conditions: number }>,
): Readonly<{ bindings: readonly Binding[]; refusal?: string }> => {
  try {
    return { bindings: asked.map(({ params, id }) => readBinding(params, id, tables, limits)) };
  } catch (error) {
    if (!(error instanceof BindingRefused)) throw error;
    return { bindings: [], refusal: error.message };
  }
};

/** @throws BindingRefused, with the words of the real server */
const readBinding = (
  params: JsonObject,
  id: number,
  tables: ReturnType<RowChanges['tables']>,
  limits: Readonly<{ conditions: number }>,
): Binding => {
  const { schema, table, filter, select } = paramsOf(params);
  const { event: named } = params;
  const event = EVENTS.find((known) => typeof named === 'string' && known === named.toUpperCase()) ?? '*';
  const isIn = (name: string, pattern: string) => pattern === '*' || like(pattern, { escape: '' })(name);
  const names = isIn(SCHEMA, schema) ? [...tables.keys()].filter((name) => isIn(name, table)) : [];
  const conditions = conditionsOf(filter, limits.conditions);
  const asked = `[event: ${event}, schema: ${schema}, table: ${table}, filter: ${filter || 'none'}, select: ${select?.join(' ') ?? 'all'}]`;
  if (names.length === 0)
    throw new BindingRefused(
      `Unable to subscribe to changes with given parameters. Please check Realtime is enabled for the given connect parameters: ${asked}`,
    );
  try {
    return {
      id,
      event,
      select,
      tables: names.map((name) => tableBinding(name, tables.get(name)!, conditions, select)),
    };
  } catch (error) {
    if (!(error instanceof FilterRefused)) throw error;
    throw new BindingRefused(
      `Unable to subscribe to changes with given parameters. An exception happened so please check your connect parameters: ${asked}. Exception: ${error.message}`,
    );
  }
};

const EVENTS = ['INSERT', 'UPDATE', 'DELETE'] as const;

type Asked = Readonly<{ schema: string; table: string; filter: string; select: readonly string[] | null }>;

/** A schema alone means all its tables, a table alone that of `public`; a filter needs both. */
const paramsOf = (params: JsonObject): Asked => {
  const { schema, table, filter } = params;
  const has = (name: string) => params[name] !== undefined;
  const select = selectOf(params['select']);
  const asked =
    typeof schema === 'string' && typeof table === 'string' && (typeof filter === 'string' || !has('filter'))
      ? { schema, table, filter: typeof filter === 'string' ? filter : '', select }
      : typeof schema === 'string' && !has('table') && !has('filter')
        ? { schema, table: '*', filter: '', select }
        : typeof table === 'string' && !has('schema') && !has('filter')
          ? { schema: SCHEMA, table, filter: '', select }
          : undefined;
  if (!asked)
    throw new BindingRefused(
      `No subscription params provided. Please provide at least a \`schema\` or \`table\` to subscribe to: ${JSON.stringify(params).slice(0, 200)}`,
    );
  if (asked.select && (asked.schema === '*' || asked.table === '*'))
    throw new BindingRefused(
      'Column selection is not supported for wildcard subscriptions. Provide an explicit schema and table name.',
    );
  return asked;
};

const selectOf = (select: Json | undefined): readonly string[] | null => {
  if (typeof select === 'string')
    throw new BindingRefused(
      'Error parsing `select` params: expected a list of column name strings, e.g. select: ["col1", "col2"]',
    );
  const names = Array.isArray(select) ? select.filter((name): name is string => typeof name === 'string') : [];
  return names.length > 0 ? [...new Set(names)].sort() : null;
};

const conditionsOf = (filter: string, limit: number): readonly Condition[] => {
  try {
    return readFilter(filter, limit);
  } catch (error) {
    if (!(error instanceof FilterRefused)) throw error;
    throw new BindingRefused(`Error parsing \`filter\` params: ${error.message}`);
  }
};

const tableBinding = (
  table: string,
  columns: readonly TableColumn[],
  conditions: readonly Condition[],
  select: readonly string[] | null,
): TableBinding => {
  for (const name of select ?? [])
    if (!columns.some((column) => column.name === name))
      throw new FilterRefused(`ERROR P0001 (raise_exception) invalid column for select ${name}`);
  const tests = conditions.map((condition) => compile(condition, columns));
  return { table, conditions, passes: (row) => tests.every((test) => test(row)) };
};
