/** What one entry of `config.postgres_changes` asks for. */
import type { Json, JsonObject } from '../../domain/json.js';
import type { JsonRow, RowChange, RowChanges, TableColumn } from '../../application/live/row-changes.js';
import { compile, type RowTest } from './filters/compile.js';
import { like } from './filters/like.js';
import { FilterRefused, readFilter, type Condition, unmetered, type Spend } from './filters/read-filter.js';
import type { RequestedBinding } from './frames.js';

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

/** How much of its filters there is. */
export const stepsOf = (bindings: readonly Binding[]): number =>
  bindings.reduce((sum, { tables }) => sum + tables.reduce((steps, { passes }) => steps + passes.steps, 0), 0);

/** A subscription that cannot be made. Its message is sent to the client. */
class BindingRefused extends Error {}

type BindingLimits = Readonly<{ conditions: number; /** That all bindings may have. */ steps: number }>;

/**
 * All of a channel's subscriptions, or none and why.
 * @param spend is called for each step that was read, also for those of subscriptions that are refused in the end
 */
export const readBindings = (
  asked: readonly RequestedBinding[],
  tables: ReturnType<RowChanges['tables']>,
  limits: BindingLimits,
  spend: Spend = unmetered,
): Readonly<{ bindings: readonly Binding[]; refusal?: string }> => {
  const bindings: Binding[] = [];
  let steps = 0;
  try {
    for (const { params, id } of asked) {
      const binding = readBinding(params, id, tables, { ...limits, steps: limits.steps - steps }, spend);
      bindings.push(binding);
      steps += stepsOf([binding]);
    }
    return { bindings };
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
  limits: BindingLimits,
  spend: Spend,
): Binding => {
  const { schema, table, filter, select } = paramsOf(params);
  const { event: named } = params;
  const event = EVENTS.find((known) => typeof named === 'string' && known === named.toUpperCase()) ?? '*';
  const conditions = conditionsOf(filter, limits.conditions);
  const asked = `[event: ${event}, schema: ${schema}, table: ${table}, filter: ${filter || 'none'}, select: ${select?.join(' ') ?? 'all'}]`;
  try {
    const [isSchema, isTable] = [nameTest(schema, spend), nameTest(table, spend)];
    const names = isSchema(SCHEMA) ? [...tables.keys()].filter((name) => isTable(name)) : [];
    if (names.length === 0)
      throw new BindingRefused(
        `Unable to subscribe to changes with given parameters. Please check Realtime is enabled for the given connect parameters: ${asked}`,
      );
    let { steps } = limits;
    const bound = names.map((name) => {
      const binding = tableBinding(name, tables.get(name)!, conditions, select, steps, spend);
      steps -= binding.passes.steps;
      return binding;
    });
    return { id, event, select, tables: bound };
  } catch (error) {
    if (!(error instanceof FilterRefused)) throw error;
    throw new BindingRefused(
      `Unable to subscribe to changes with given parameters. An exception happened so please check your connect parameters: ${asked}. Exception: ${error.message}`,
    );
  }
};

/** Reading so many characters of a name costs as much as a step. */
const NAME = 3;

/** @throws FilterRefused */
const nameTest = (pattern: string, spend: Spend): ((name: string) => boolean) => {
  if (pattern === '*') return () => true;
  spend(pattern.length >> NAME);
  const matches = like(pattern, { escape: '' });
  return (name) => matches(name);
};

const EVENTS = ['INSERT', 'UPDATE', 'DELETE'] as const;

type Asked = Readonly<{ schema: string; table: string; filter: string; select: readonly string[] | null }>;

/** A schema alone stands for all its tables, a table alone for that of `public`; a filter needs both. */
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
  mostSteps: number,
  spend: Spend,
): TableBinding => {
  for (const name of select ?? [])
    if (!columns.some((column) => column.name === name))
      throw new FilterRefused(`ERROR P0001 (raise_exception) invalid column for select ${name}`);
  const tests: RowTest[] = [];
  let steps = 1;
  spend(steps);
  for (const condition of conditions) {
    const test = compile(condition, columns);
    tests.push(test);
    spend(test.steps);
    steps += test.steps;
    if (steps > mostSteps) break;
  }
  if (steps > mostSteps)
    throw new FilterRefused('too many conditions, or too long patterns and lists, on this connection or in all');
  const passes = (row: JsonRow, spend?: Spend) => tests.every((test) => test(row, spend));
  return { table, conditions, passes: Object.assign(passes, { steps }) };
};
