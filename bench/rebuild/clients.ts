/** The clients that use the application while it is measured. */
import { setTimeout as pause } from 'node:timers/promises';
import { percentile } from '../rounds.js';

export const STARTS_PER_SECOND = 20;
const LOOK_MS = 200;
/** For the live tables to take all events, or for a rebuild. */
const DEADLINE_MS = 3_600_000;

export const start = async (url: string, what: Readonly<Record<string, unknown>>): Promise<string> => {
  const answer = await fetch(`${url}/api/v1/workflow/start`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(what),
  });
  if (!answer.ok) throw new Error(`start: ${answer.status} ${await answer.text()}`);
  return ((await answer.json()) as { data: { execution: { id: string } } }).data.execution.id;
};

export const execution = async (url: string, id: string): Promise<{ current_state?: string }> => {
  const answer = await fetch(`${url}/api/v1/workflow?execution_id=${id}&include_steps=true`);
  if (!answer.ok) throw new Error(`read: ${answer.status} ${await answer.text()}`);
  return ((await answer.json()) as { data: { execution: { current_state: string } } }).data.execution;
};

export const until = async (isSo: () => Promise<boolean>): Promise<void> => {
  for (const end = performance.now() + DEADLINE_MS; !(await isSo().catch(() => false));) {
    if (performance.now() > end) throw new Error('It did not come to that in an hour');
    await pause(LOOK_MS);
  }
};

/** Of the bench's own workflow; one that waits for an order costs least. */
export const running = { project_id: 'p-1', document_type: 'bench', auto_execute: true };
export const waiting = { ...running, auto_execute: false };

export const startSome = async (url: () => string, signal: AbortSignal) => {
  let [answered, failed] = [0, 0];
  const under: Promise<void>[] = [];
  while (!signal.aborted) {
    under.push(
      start(url(), waiting).then(
        () => void answered++,
        () => void failed++,
      ),
    );
    await pause(1_000 / STARTS_PER_SECOND);
  }
  await Promise.all(under);
  return { answered, failed };
};

/** One read after the other for as long as `work` takes. */
export const reads = async (url: () => string, id: string, work: () => Promise<void>) => {
  const times: number[] = [];
  let [failed, isOver] = [0, false];
  const reading = (async () => {
    while (!isOver) {
      const asked = performance.now();
      await execution(url(), id).catch(() => void failed++);
      times.push(performance.now() - asked);
      await pause(5);
    }
  })();
  try {
    await work();
  } finally {
    isOver = true;
    await reading;
  }
  return { count: times.length, failed, p50: percentile(times, 0.5), p99: percentile(times, 0.99) };
};
