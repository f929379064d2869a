/** @returns the results in the order of their steps, which may be counted from 0 or from 1, by the workflow's number */
export const byWorkflow = (
  rows: readonly Readonly<{ name: string; step: number; result: unknown }>[],
): ReadonlyMap<number, readonly unknown[]> => {
  const results = new Map<number, unknown[]>();
  for (const { name, result } of [...rows].sort((a, b) => a.step - b.step)) {
    const workflow = Number(name.slice('w-'.length));
    const found = results.get(workflow);
    if (found) found.push(result);
    else results.set(workflow, [result]);
  }
  return results;
};
