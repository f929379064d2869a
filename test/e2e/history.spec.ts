/** What the API answered at each revision of an execution with retry, pause and cancel, read again after its end. */
import { eventually } from '../support/eventually.js';
import { scriptedApp } from './support/scripted-app.js';

const ALL = 'include_steps=true&include_events=true';

const world = scriptedApp();

const latest = async (id: string) => (await world.api.get(`/api/v1/workflow?execution_id=${id}&${ALL}`)).body.data;

/** Keeps each answer of the endpoint by its revision, until `isThere` holds. */
const live = (id: string, seen: Map<string, unknown>, isThere: (data: never) => boolean) =>
  eventually(
    async () => {
      const data = await latest(id);
      seen.set(data.execution.revision, data);
      return isThere(data as never);
    },
    { everyMs: 1 },
  );

type Seen = { execution: { current_state: string; drained: boolean }; steps: { status: string }[] };

test('the API answers at each past revision what it answered then, and at each time with the revision of that time', async () => {
  world.agents.scripts.set('lived', { enrich: 'validation' });
  const seen = new Map<string, unknown>();
  const id = await world.api.start({
    project_id: 'lived',
    document_type: 'ib',
    metadata: { zebra: 1, a: [{ b: 2, a: 1 }] },
  });
  await live(id, seen, ({ execution }: Seen) => execution.current_state === 'failed');
  world.agents.scripts.set('lived', { compose: 'hold' });
  const [failed] = (await latest(id)).steps;
  await world.api.control(id, 'retry', { step_id: failed.id, reason: 'the data is there now' });
  await live(id, seen, ({ steps }: Seen) => steps[1]!.status === 'running');
  await eventually(() => world.agents.calls.some(({ input }) => input.execution_id === id && input.step === 'compose'));
  await world.api.control(id, 'pause', { reason: 'lunch' });
  await live(id, seen, ({ execution }: Seen) => execution.current_state === 'paused');
  world.agents.release(id, 'compose');
  await live(id, seen, ({ execution }: Seen) => execution.drained);
  await world.api.control(id, 'cancel', { reason: 'enough' });
  await live(id, seen, ({ execution }: Seen) => execution.current_state === 'cancelled');

  // One of each rest at least; what lies between may be of one transaction.
  expect(seen.size).toBeGreaterThanOrEqual(5);
  for (const [revision, then] of seen) {
    const { body, headers } = await world.api.get(`/api/v1/workflow?execution_id=${id}&${ALL}&at_revision=${revision}`);
    const { historical, ...data } = body.data;
    expect(historical).toEqual({ at_revision: revision, as_of: null, of_revision: revision });
    expect(data).toEqual(then);
    expect(headers.get('cache-control')).toBe('private, max-age=31536000, immutable');
  }

  const events = await world.api.events(id);
  const table = (await world.api.get(`/api/v1/workflow/${id}/events?source=projection&limit=1000`)).body.data.events;
  expect(events).toEqual(table);
  for (const { recorded_at } of events) {
    const of = events.findLast((event) => event.recorded_at <= recorded_at).revision;
    const { body } = await world.api.get(`/api/v1/workflow?execution_id=${id}&as_of=${recorded_at}`);
    expect(body.data.historical).toEqual({ at_revision: null, as_of: recorded_at, of_revision: of });
    expect(body.data.execution.revision).toBe(of);
  }

  const backwards = `/api/v1/workflow/${id}/events?order=desc&type=StepFailed,StepCompleted&limit=1`;
  const [logged, projected] = [await walk(backwards), await walk(`${backwards}&source=projection`)];
  expect(logged.map(({ event_type }) => event_type)).toEqual(['StepCompleted', 'StepCompleted', 'StepFailed']);
  expect(projected).toEqual(logged);
}, 60_000);

type EventLike = Readonly<{ event_type: string }>;

const walk = async (path: string): Promise<EventLike[]> => {
  const found: EventLike[] = [];
  for (let cursor = ''; ;) {
    const { events, next_cursor } = (await world.api.get(path + cursor)).body.data;
    found.push(...events);
    if (next_cursor === null) return found;
    cursor = `&cursor=${next_cursor}`;
  }
};
