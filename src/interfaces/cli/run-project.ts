import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { lineOf } from './progress.js';
import type { WorkflowClient } from './workflow-client.js';

const FINAL = new Set(['completed', 'cancelled', 'failed', 'paused']);
const LOOK_EVERY_MS = 100;
/** Until then the read tables have what an earlier run left in the log; a list that is older still is better than no run. */
const CATCH_UP_LOOKS = 100;

type ProjectRun = Readonly<{
  executionId: string;
  state: string;
  percent: number;
  error: string | null;
  files: readonly string[];
}>;

/** Starts the project's workflow, or goes on with one that an earlier run left unfinished, and follows it to its end. */
export const runProject = async (
  client: WorkflowClient,
  projectId: string,
  exportsDir: string,
  write: (line: string) => void,
  signal: AbortSignal,
): Promise<ProjectRun> => {
  await caughtUp(client, signal);
  const unfinished = (await client.executionsOf(projectId)).find(({ current_state }) => !FINAL.has(current_state));
  const executionId =
    unfinished?.id ?? (await client.start({ project_id: projectId, document_type: 'ib', triggered_by: 'quickstart' }));
  write(`${unfinished ? 'Going on with' : 'Started'} execution ${executionId}`);

  const revision = await follow(client, executionId, write, signal);
  const { execution, steps } = await client.details(executionId, revision);
  const { current_state: state, percent_complete: percent, error_message: error } = execution;
  const artifacts = steps.flatMap((step) => step.artifacts);
  const directory = path.join(exportsDir, executionId);
  const files = await Promise.all(artifacts.map((one) => client.download(executionId, one, directory)));
  return { executionId, state, percent, error, files };
};

/** An earlier run may have ended before its start was in the list. */
const caughtUp = async (client: WorkflowClient, signal: AbortSignal): Promise<void> => {
  for (let looks = 0; looks < CATCH_UP_LOOKS && !(await client.isCaughtUp()); looks++)
    await delay(LOOK_EVERY_MS, undefined, { signal });
};

/** Writes each event as it comes, until the execution no longer moves by itself. @returns the revision of the last one */
const follow = async (
  client: WorkflowClient,
  executionId: string,
  write: (line: string) => void,
  signal: AbortSignal,
): Promise<string> => {
  for (let revision: string | null = null, state = ''; ;) {
    signal.throwIfAborted();
    const events = await client.eventsAfter(executionId, revision);
    for (const line of events.map(lineOf)) if (line !== undefined) write(line);
    revision = events.at(-1)?.revision ?? revision;
    state = events.at(-1)?.current_state ?? state;
    if (revision !== null && FINAL.has(state)) return revision;
    if (events.length === 0) await delay(LOOK_EVERY_MS, undefined, { signal });
  }
};
