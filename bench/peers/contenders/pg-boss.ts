/** pg-boss, a queue: a job for each workflow, whose handler does the six steps. The floor: no step is stored by itself. */
import pg from 'pg';
import PgBoss from 'pg-boss';
import type { Start } from '../contender.js';
import { stepsOf } from '../step.js';
import { STEPS } from '../work.mjs';

const POOL = 20;
const WORKERS = 4;
const QUEUE = 'bench';

type Data = Readonly<{ number: number }>;

export const start: Start = async (setup) => {
  const steps = stepsOf(setup);
  const boss = new PgBoss({ connectionString: setup.databaseUrl, max: POOL });
  boss.on('error', (error) => console.error(error));
  await boss.start();
  await boss.createQueue(QUEUE);
  const waiting = new Map<number, () => void>();
  const handle = async ({ id, data: { number } }: Readonly<{ id: string; data: Data }>): Promise<void> => {
    const results: string[] = [];
    for (let step = 0; step < STEPS; step++) results.push(await steps.run(number, step));
    await boss.complete(QUEUE, id, { results });
    waiting.get(number)?.();
    waiting.delete(number);
  };
  const options = { batchSize: Math.ceil(setup.inFlight / WORKERS), pollingIntervalSeconds: 0.5 };
  const workers: string[] = [];
  for (let worker = 0; worker < WORKERS; worker++)
    workers.push(await boss.work<Data>(QUEUE, options, async (jobs) => void (await Promise.all(jobs.map(handle)))));
  return {
    run: async (number) => {
      const ended = new Promise<void>((resolve) => waiting.set(number, resolve));
      await boss.send(QUEUE, { number }, { retryLimit: 0 });
      // Or it would lie until the next poll.
      for (const worker of workers) boss.notifyWorker(worker);
      await ended;
    },
    stored: async () => {
      const database = new pg.Client({ connectionString: setup.databaseUrl });
      await database.connect();
      const { rows } = await database.query<{ number: number; results: string[] }>(
        `select (data->>'number')::int as number, output->'results' as results from pgboss.job
         where name = '${QUEUE}' and state = 'completed'`,
      );
      await database.end();
      return new Map(rows.map(({ number, results }) => [number, results]));
    },
    stop: async () => {
      await boss.stop({ graceful: true, wait: true });
      await steps.close();
    },
  };
};
