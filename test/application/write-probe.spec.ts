import { AppendOutcomeUnknown, AppendRefused, RevisionConflict } from '../../src/application/log/event-log.js';
import { PROBE_STREAM, WriteProbe } from '../../src/application/log/write-probe.js';
import { SystemIds } from '../../src/infrastructure/system/clock-and-ids.js';
import { InMemoryEventLog } from '../../src/testing/in-memory.event-log.js';

test('each probe is an append, and the log is told once to show the last of them only', async () => {
  const log = new InMemoryEventLog();
  const probe = new WriteProbe(log, new SystemIds());
  for (let times = 0; times < 3; times++) await probe.write();
  expect((await log.read(PROBE_STREAM)).revision).toBe(2n);
  const { events } = await log.read(`$$${PROBE_STREAM}`);
  expect(events).toMatchObject([{ type: '$metadata', data: { $maxCount: 1 } }]);
});

test('another instance that writes at the same time shows that the log can be written', async () => {
  const log = new InMemoryEventLog();
  const [one, other] = [new WriteProbe(log, new SystemIds()), new WriteProbe(log, new SystemIds())];
  await one.write();
  await Promise.all([one.write(), other.write(), one.write(), other.write()]);
  expect((await log.read(`$$${PROBE_STREAM}`)).events).toHaveLength(1);
});

test('an append that fails is a probe that fails', async () => {
  const failing = (error: Error) => {
    const log = new InMemoryEventLog();
    log.append = () => Promise.reject(error);
    return new WriteProbe(log, new SystemIds()).write();
  };
  await expect(failing(new AppendOutcomeUnknown('no answer'))).rejects.toThrow('no answer');
  await expect(failing(new RevisionConflict(PROBE_STREAM, 'none', 1n))).resolves.toBeUndefined();
});

test('whether the log would take an append is found out without one, and a refusal is passed on', async () => {
  const log = new InMemoryEventLog();
  const probe = new WriteProbe(log, new SystemIds());
  await probe.wouldWrite();
  await probe.write();
  await probe.wouldWrite();
  expect((await log.read(PROBE_STREAM)).revision).toBe(0n);
  log.append = () => Promise.reject(new AppendRefused('denied', 'no right'));
  await expect(probe.wouldWrite()).rejects.toThrow('no right');
});
