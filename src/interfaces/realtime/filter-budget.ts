/** How much clients' filters may hold and cost, for each connection and for all together. */
import type { Spend } from './filters/read-filter.js';

export type FilterLimits = Readonly<{
  /** Steps of the filters that one connection has, and all have: a condition is one, a pattern and a list have more. */
  filterSteps: number;
  allFilterSteps: number;
  /** Steps that are taken in a second for the patterns of one connection, and of all. */
  filterWork: number;
  allFilterWork: number;
}>;

/** The work of a connection's filters was ended. */
export class TooMuchWork extends Error {}

const WINDOW_MS = 1_000;
/** Steps that the reading of one step of a filter costs. */
const READING = 4;

export class FilterBudget<Owner> {
  private held = 0;
  private since = -Infinity;
  private total = 0;
  private readonly spent = new Map<Owner, number>();

  /** @param end is called with the owner that has spent most where all together spend too much */
  constructor(
    private readonly limits: FilterLimits,
    private readonly now: () => number,
    private readonly end: (owner: Owner, why: string) => void,
  ) {}

  /** @returns how many more steps an owner may hold that holds so many */
  roomFor(held: number): number {
    const { filterSteps, allFilterSteps } = this.limits;
    return Math.max(0, Math.min(filterSteps - held, allFilterSteps - this.held));
  }

  /** Negative where they are let go. */
  hold(steps: number): void {
    this.held += steps;
  }

  /** @returns what throws TooMuchWork when the owner has spent what it may in this second */
  spendFor(owner: Owner): Spend {
    return (steps) => this.spend(owner, steps);
  }

  /** A client that joins again and again has its filters read again and again. @throws TooMuchWork */
  spendForReading(owner: Owner, steps: number): void {
    this.spend(owner, steps * READING);
  }

  private spend(owner: Owner, steps: number): void {
    const now = this.now();
    if (now - this.since >= WINDOW_MS) {
      this.spent.clear();
      [this.since, this.total] = [now, 0];
    }
    const own = (this.spent.get(owner) ?? 0) + steps;
    this.spent.set(owner, own);
    this.total += steps;
    const { filterWork, allFilterWork } = this.limits;
    if (own > filterWork) throw new TooMuchWork(`more than ${filterWork} steps a second`);
    if (this.total <= allFilterWork) return;
    const why = `with those of others more than ${allFilterWork} steps a second`;
    const [most, theirs] = [...this.spent].reduce((a, b) => (b[1] > a[1] ? b : a));
    if (most === owner) throw new TooMuchWork(why);
    this.spent.delete(most);
    this.total -= theirs;
    this.end(most, why);
  }
}
