/** Contenders in turns, A B C A B C ..., so that whatever else the machine does meets all of them alike. */

export type Contender<Result> = Readonly<{ name: string; run: () => Promise<Result> }>;

export type Results<Result> = ReadonlyMap<string, readonly Result[]>;

export async function inTurns<Result>(
  rounds: number,
  contenders: readonly Contender<Result>[],
  tell: (line: string) => void,
): Promise<Results<Result>> {
  const results = new Map<string, Result[]>(contenders.map(({ name }) => [name, []]));
  for (let round = 1; round <= rounds; round++) {
    for (const { name, run } of contenders) {
      tell(`round ${round} of ${rounds}: ${name}`);
      results.get(name)?.push(await run());
    }
  }
  return results;
}

export type Spread = Readonly<{ median: number; min: number; max: number }>;

export function spread(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (index: number) => sorted[index] ?? Number.NaN;
  const middle = sorted.length / 2;
  const median = sorted.length % 2 === 1 ? at(Math.floor(middle)) : (at(middle - 1) + at(middle)) / 2;
  return { median, min: at(0), max: at(sorted.length - 1) };
}

export const median = (values: readonly number[]): number => spread(values).median;

/** @param share 0.5 for the median, 0.99 for what 99 of 100 stay under */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}
