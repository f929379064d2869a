import { runSchedule } from './run.js';
const [from, n, trace] = process.argv.slice(2).map(Number);
const t0 = performance.now();
const total = new Map<string, number>();
let bad = 0;
for (let seed = from!; seed < from! + n!; seed++) {
  const { violations, counts } = await runSchedule({ seed, ...(trace ? { tell: (l: string) => console.log(l) } : {}) });
  for (const [k, v] of counts) total.set(k, (total.get(k) ?? 0) + v);
  if (violations.length > 0 && bad++ < 15) console.log(seed, violations.slice(0, 4));
}
console.log([...total].sort(), bad, (performance.now() - t0) / n!, 'ms each');
