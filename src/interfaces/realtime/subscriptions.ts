/** Which bindings a change concerns, found by table and by the ids that most filters ask for. */
import type { JsonRow, RowChange } from '../../application/live/row-changes.js';
import { valuesOf } from './filters/column-values.js';
import type { Condition, Spend } from './filters/read-filter.js';
import type { Binding, TableBinding } from './binding.js';
import { TooMuchWork } from './filter-budget.js';

/** Columns by whose value subscriptions are kept apart: with `eq` on one, another row's changes cost it nothing. */
const IDS = ['id', 'execution_id'] as const;
const ANY = '';

type Entry<Owner> = Readonly<{ owner: Owner; binding: Binding; table: TableBinding }>;

/** The bindings of one owner that a change passes. */
type Addressed<Owner> = ReadonlyMap<Owner, readonly Binding[]>;

/** What an owner's filters may cost. */
export type Metering<Owner> = Readonly<{
  spendFor: (owner: Owner) => Spend;
  /** Whether it may see the row at all; absent: all may. What it may not see costs its filters nothing. */
  maySee?: (owner: Owner) => boolean;
  /** Its filters cost too much: no further change is sent to it. */
  end: (owner: Owner, why: string) => void;
}>;

export class Subscriptions<Owner> {
  /** By table, then by `column=id`, or `ANY` where no id is asked for. */
  private readonly entries = new Map<string, Map<string, Set<Entry<Owner>>>>();

  /** @returns a function that takes them away again */
  add(owner: Owner, bindings: readonly Binding[]): () => void {
    const removals = bindings.flatMap((binding) =>
      binding.tables.map((table) => this.addOne({ owner, binding, table })),
    );
    return () => removals.forEach((remove) => remove());
  }

  follows(table: string): boolean {
    return (this.entries.get(table)?.size ?? 0) > 0;
  }

  /** @param row what is known of the row: all of it, or its key after a DELETE */
  of(change: RowChange, row: JsonRow, { spendFor, maySee, end }: Metering<Owner>): Addressed<Owner> {
    const found = new Map<Owner, Binding[]>();
    const kept = this.entries.get(change.table);
    if (!kept) return found;
    const keys = [
      ANY,
      ...IDS.flatMap((column) => (typeof row[column] === 'string' ? [`${column}=${row[column]}`] : [])),
    ];
    for (const { owner, binding, table } of keys.flatMap((key) => [...(kept.get(key) ?? [])])) {
      if (binding.event !== '*' && binding.event !== change.type) continue;
      if (maySee && !maySee(owner)) continue;
      try {
        if (table.conditions.length > 0 && !table.passes(row, spendFor(owner))) continue;
      } catch (error) {
        if (!(error instanceof TooMuchWork)) throw error;
        end(owner, error.message);
        found.delete(owner);
        continue;
      }
      const bindings = found.get(owner);
      if (!bindings) found.set(owner, [binding]);
      else if (!bindings.some(({ id }) => id === binding.id)) bindings.push(binding);
    }
    return found;
  }

  private addOne(entry: Entry<Owner>): () => void {
    const { table, conditions } = entry.table;
    const key = keyOf(conditions);
    const kept = this.entries.get(table) ?? new Map<string, Set<Entry<Owner>>>();
    this.entries.set(table, kept);
    const same = kept.get(key) ?? new Set();
    kept.set(key, same.add(entry));
    return () => {
      same.delete(entry);
      if (same.size === 0 && kept.get(key) === same) kept.delete(key);
    };
  }
}

const keyOf = (conditions: readonly Condition[]): string => {
  const byId = conditions.find(
    ({ column, operator, negate }) => operator === 'eq' && !negate && IDS.some((name) => name === column),
  );
  return byId ? `${byId.column}=${String(valuesOf('uuid')?.read(byId.value))}` : ANY;
};
