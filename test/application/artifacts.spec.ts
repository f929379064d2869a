import { ArtifactDamaged, CheckedArtifacts } from '../../src/application/workflow/artifacts.js';
import { InMemoryArtifacts } from '../../src/testing/in-memory.artifacts.js';

const opened = () => {
  const inner = new InMemoryArtifacts();
  const alarms: ArtifactDamaged[] = [];
  return { inner, alarms, store: new CheckedArtifacts(inner, (damaged) => alarms.push(damaged)) };
};

test('bytes that are not those of the hash are not given out, and raise the alarm', async () => {
  const { inner, alarms, store } = opened();
  const { sha256 } = await store.put(Buffer.from('as made'), 'text/plain');
  expect(Buffer.from((await store.get(sha256))!.content).toString()).toBe('as made');
  expect(alarms).toEqual([]);
  inner.stored.set(sha256, { content: Buffer.from('as altered'), contentType: 'text/plain' });
  await expect(store.get(sha256)).rejects.toThrow(`The artifact of SHA-256 ${sha256} was altered`);
  await expect(store.mustGet(sha256, 'a.pdf')).rejects.toMatchObject({ kind: 'altered', sha256 });
  expect(alarms).toHaveLength(2);
});

test('what is not there is nothing, and an alarm where an event names it', async () => {
  const { alarms, store } = opened();
  const sha256 = '0'.repeat(64);
  expect(await store.get(sha256)).toBeNull();
  expect(alarms).toEqual([]);
  await expect(store.mustGet(sha256, 'a.pdf')).rejects.toThrow(`Artifact a.pdf (SHA-256 ${sha256}) is missing`);
  expect(alarms).toEqual([expect.objectContaining({ kind: 'missing', sha256 })]);
});
