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
