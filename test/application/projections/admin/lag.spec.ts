import { lagAfter, Rates } from '../../../../src/application/projections/admin/projection-status.js';
import { InMemoryEventLog } from '../../../../src/testing/in-memory.event-log.js';

const AT = new Date('2030-01-01T00:00:00.000Z');
const NOW = new Date('2030-01-01T00:00:10.000Z');

const filled = async (streams: readonly string[]) => {
  const log = new InMemoryEventLog(() => AT);
  for (const [index, stream] of streams.entries())
    await log.append(`${stream}${index}`, [{ id: `${index}`, type: 'Happened', data: {}, metadata: {} }], 'none');
  return log;
};

test('an empty log, and one whose end is reached, leave no lag', async () => {
  expect(await lagAfter(await filled([]), 'start', 'start', NOW)).toEqual({ events: 0, counted: true, seconds: 0 });
  const log = await filled(['workflow-']);
  expect(await lagAfter(log, 100n, 100n, NOW)).toEqual({ events: 0, counted: true, seconds: 0 });
});

test('only events of executions count, and the oldest of them makes the seconds', async () => {
  const log = await filled(['workflow-', 'agent-', 'workflow-', 'projection-']);
  expect(await lagAfter(log, 100n, await log.head(), NOW)).toEqual({ events: 1, counted: true, seconds: 10 });
  expect(await lagAfter(log, 300n, await log.head(), NOW)).toEqual({ events: 0, counted: true, seconds: 0 });
});

test('a large lag is estimated from the first events, and says so', async () => {
  const log = await filled(Array.from({ length: 1_000 }, (_, index) => (index % 2 === 0 ? 'workflow-' : 'agent-')));
  expect(await lagAfter(log, 'start', await log.head(), NOW)).toEqual({ events: 500, counted: false, seconds: 10 });
});

test('a rate is that of the last minute, and begins anew with another table', () => {
  const rates = new Rates();
  const note = (second: number, events: bigint, rebuildId: string | null = null) =>
    rates.note(
      { projection: 'p', position: events, lastEventAt: null, updatedAt: AT, events, version: 1, rebuildId },
      new Date(AT.getTime() + second * 1_000),
    );
  note(0, 0n);
  expect(rates.of('p')).toBeNull();
  note(10, 500n);
  expect(rates.of('p')).toBe(50);
  note(65, 550n);
  expect(rates.of('p')).toBeCloseTo(50 / 55);
  note(66, 10n, 'another');
  expect(rates.of('p')).toBeNull();
});
