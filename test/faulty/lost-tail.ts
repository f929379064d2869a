/** The log's last events are gone after a restart of the server, while the instance and its tables still know them. */
import { eventually } from '../support/eventually.js';
import { WHOLE, type Cells, type Column } from './cells.js';
import { logOf, ORDERS, type OrderName } from './orders.js';
import { wrongVerdict, type Outcome } from './verdict.js';
import { DOCUMENT_TYPE, type World } from './world.js';

export const LOST_TAIL = 'loses its tail';

/**
 * Nothing goes on by itself then. What counts is that no answer is wrong, that readiness says so, that nothing new is started,
 * and that the process lives.
 */
export const tryLostTail = async (world: World): Promise<Cells> => {
  const cells = new Map<Column, string | null>();
  const prepared = [];
  for (const [name, prepare] of Object.entries(ORDERS))
    prepared.push([name as OrderName, await prepare(world)] as const);
  const events = await logOf(world);
  await world.loseTail(events[Math.floor(events.length / 2)]!.position);
  await world.settled();
  await Promise.allSettled(prepared.flatMap(([, { give, outcome }]) => (outcome ? [give()] : [])));
  for (const [name, { outcome }] of prepared) if (outcome) cells.set(name, wrongAfterLoss(await outcome()));
  cells.set(
    WHOLE,
    await eventually(() => mustRefuse(world), { deadlineMs: 10_000, everyMs: 100 }).then(
      () => null,
      (error: Error) => error.message,
    ),
  );
  const [crash] = world.crashes;
  if (crash) cells.set(WHOLE, `the process would have ended: ${crash}`);
  return cells;
};

/** What is appended to another log than the one that was read would make it worse. */
const mustRefuse = async ({ api }: World): Promise<void> => {
  const ready = await fetch(`${api.url}/health/ready`);
  if (ready.status !== 503) throw new Error('ready, though the end of the log was lost');
  const started = await api.post('/api/v1/workflow/start', {
    project_id: 'ok-after-the-loss',
    document_type: DOCUMENT_TYPE,
  });
  if (started.status !== 503) throw new Error(`a start got ${started.status}, though the end of the log was lost`);
};

/** What the order was about may be gone: then any refusal is right. */
const wrongAfterLoss = (outcome: Outcome): string | null => {
  const { reply, kept } = outcome;
  const isRefused = reply.status >= 400 && reply.status !== 500 && kept === 0;
  return isRefused ? null : wrongVerdict(outcome, 'stands still');
};
