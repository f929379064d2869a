import { runProject } from '../../../src/interfaces/cli/run-project.js';
import type { WorkflowClient } from '../../../src/interfaces/cli/workflow-client.js';

const event = (revision: string, event_type: string, current_state: string, percent_complete: number) => ({
  ...{ revision, event_type, current_state, percent_complete, data: { step: 'export', attempt: 1 } },
});

/** Its read tables are one event behind the log, for whoever does not ask for more. */
const behind = (): WorkflowClient => {
  const pages = [
    [event('0', 'WorkflowStarted', 'created', 0), event('1', 'StepStarted', 'exporting', 85)],
    [],
    [event('2', 'StepCompleted', 'exporting', 99), event('3', 'WorkflowCompleted', 'completed', 100)],
  ];
  const client: Partial<WorkflowClient> = {
    isCaughtUp: () => Promise.resolve(true),
    executionsOf: () => Promise.resolve([]),
    start: () => Promise.resolve('e-1'),
    eventsAfter: () => Promise.resolve(pages.shift() ?? []),
    details: (_, minRevision?: string) => {
      const isThere = minRevision === '3';
      return Promise.resolve({
        execution: {
          id: 'e-1',
          current_state: isThere ? 'completed' : 'exporting',
          percent_complete: isThere ? 100 : 85,
          error_message: null,
        },
        steps: [{ artifacts: isThere ? [{ name: 'a.pdf', sha256: '0'.repeat(64) }] : [] }],
      } as never);
    },
    download: (_, { name }, directory) => Promise.resolve(`${directory}/${name}`),
  };
  return client as WorkflowClient;
};

test('what it says at the end is not older than the last event that it has shown', async () => {
  const lines: string[] = [];
  const run = await runProject(behind(), 'p', '/exports', (line) => lines.push(line), new AbortController().signal);
  expect(run).toEqual({
    ...{ executionId: 'e-1', state: 'completed', percent: 100, error: null, files: ['/exports/e-1/a.pdf'] },
  });
  expect(lines).toHaveLength(3);
});

test('goes on with what an earlier run left, though the read tables do not have it yet', async () => {
  let looks = 0;
  const client = Object.assign(behind(), {
    isCaughtUp: () => Promise.resolve(++looks === 3),
    executionsOf: () => Promise.resolve(looks < 3 ? [] : [{ id: 'e-0', current_state: 'exporting' }]),
    start: () => Promise.reject(new Error('expected no second execution')),
  }) as unknown as WorkflowClient;
  const lines: string[] = [];
  await runProject(client, 'p', '/exports', (line) => lines.push(line), new AbortController().signal);
  expect(lines[0]).toBe('Going on with execution e-0');
});

test('an interruption ends it at once, also while events come one after the other', async () => {
  const interruption = new AbortController();
  let looks = 0;
  const client = Object.assign(behind(), {
    eventsAfter: () => {
      looks += 1;
      interruption.abort();
      return Promise.resolve([event(String(looks), 'StepProgressed', 'exporting', 85)]);
    },
  });
  await expect(runProject(client, 'p', '/exports', () => undefined, interruption.signal)).rejects.toThrow(/aborted/);
  expect(looks).toBe(1);
});
