import { readdir, readFile } from 'node:fs/promises';

const TICKS_PER_SECOND = 100;

type Spent = Readonly<{ parent: number; ticks: number }>;

/** Processor seconds that these processes and all below them have used so far, with those that have ended. Linux only. */
export const cpuSecondsOf = async (roots: readonly number[]): Promise<number> => {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const spent = new Map<number, Spent>();
  for (const pid of pids) {
    const found = await spentBy(pid);
    if (found) spent.set(pid, found);
  }
  let ticks = 0;
  for (const [pid, { ticks: own }] of spent) if (isBelow(pid, spent, roots)) ticks += own;
  return ticks / TICKS_PER_SECOND;
};

const isBelow = (pid: number, spent: ReadonlyMap<number, Spent>, roots: readonly number[]): boolean => {
  for (let at: number | undefined = pid; at; at = spent.get(at)?.parent) if (roots.includes(at)) return true;
  return false;
};

/** With the children that it has waited for. Undefined: it has ended meanwhile. */
const spentBy = async (pid: number): Promise<Spent | undefined> => {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
  return { parent: Number(fields[1]), ticks };
};
