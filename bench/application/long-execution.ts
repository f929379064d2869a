/** What a command costs an execution of many events. */
import { table, times, type Section } from '../report.js';
import { median, percentile } from '../rounds.js';
import type { Settings } from '../settings.js';
import { startApplication } from './application.js';
import { requests, withDirectory } from './engine.js';

const SHORT = 20;
const AIM = 2;

type Started = Readonly<{ data: Readonly<{ execution: Readonly<{ id: string }> }> }>;

/** An execution that waits for an order is paused and resumed; each adds an event. */
export const longExecution = (databaseUrl: string, settings: Settings): Promise<Section> =>
  withDirectory(async (directory) => {
    const long = settings.quick ? 100 : 10_000;
    const place = { databaseUrl, directory, agentUrl: null };
    const start = { project_id: 'w-0', document_type: 'bench', auto_execute: false };
    const control = (execution: string, action: string) => ({ execution_id: execution, action, actor_id: 'bench' });
    const ends: number[][] = [[], []];
    let app = await startApplication(place);
    let { ask, close } = requests(app.url, 1);
    const command = async (execution: string, number: number): Promise<number> => {
      const began = performance.now();
      await ask('POST', '/api/v1/workflow/control', control(execution, number % 2 === 0 ? 'pause' : 'resume'));
      return performance.now() - began;
    };
    const executions = async () => ((await ask('POST', '/api/v1/workflow/start', start)) as Started).data.execution.id;
    /** @returns the times of the last `kept` commands that bring it to `events` events */
    const upTo = async (execution: string, from: number, events: number, kept: number): Promise<number[]> => {
      const taken: number[] = [];
      for (let number = from; number < events; number++) taken.push(await command(execution, number));
      return taken.slice(-kept);
    };
    try {
      settings.tell(`an execution of ${long.toLocaleString('en')} events`);
      // Many short ones first, so that the process is warm, then the long one.
      for (let round = 0; round < (settings.quick ? 2 : 20); round++)
        ends[0]!.push(...(await upTo(await executions(), 0, SHORT, SHORT / 2)));
      const id = await executions();
      ends[1]!.push(...(await upTo(id, 0, long, 10 * SHORT)));
      await close();
      await app.stop();
      app = await startApplication(place);
      ({ ask, close } = requests(app.url, 1));
      const cold = await command(id, long);
      const [short, many] = [median(ends[0]!), median(ends[1]!)];
      const rows = [
        [`${SHORT} events`, times([short], 1), times([percentile(ends[0]!, 0.99)], 1)],
        [`${long.toLocaleString('en')} events`, times([many], 1), times([percentile(ends[1]!, 0.99)], 1)],
        ['the same, the first after a restart', times([cold], 1), ''],
      ];
      const value = many / short;
      return {
        title: 'A command to an execution of many events',
        table: table(['execution of', 'p50, ms', 'p99, ms'], rows),
        ratios: [{ name: 'p50, many events / few', value, aim: `<= ${AIM}`, met: value <= AIM }],
        raw: { ends, cold },
      };
    } finally {
      await close();
      await app.stop();
    }
  });
