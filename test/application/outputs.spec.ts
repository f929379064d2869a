import { loadLargeValues, storeLargeValues } from '../../src/application/saga/results.js';
import { InMemoryArtifacts } from '../../src/testing/in-memory.artifacts.js';

const LIMIT = 1_000;
const LOOKS_LIKE = { artifact: 'a.pdf', sha256: 'f'.repeat(64), bytes: 3, contentType: 'application/json' };

test('the largest values are moved out until the rest is small, and come back', async () => {
  const store = new InMemoryArtifacts();
  const data = { small: 'x', large: 'y'.repeat(2_000), middle: 'z'.repeat(500) };
  const { output: stored } = (await storeLargeValues(store, 'write', data, LIMIT))!;
  expect(stored).toMatchObject({ small: 'x', middle: data.middle, large: { artifact: 'write/large', bytes: 2_002 } });
  expect(await loadLargeValues(store, stored)).toEqual(data);
});

test('a value that looks like a reference is moved out, and the next agent gets it as it was', async () => {
  const store = new InMemoryArtifacts();
  const data = { given: LOOKS_LIKE, other: { ...LOOKS_LIKE, url: 'https://example.org/a.pdf' } };
  const { output: stored } = (await storeLargeValues(store, 'write', data, LIMIT))!;
  expect(stored).toMatchObject({ given: { artifact: 'write/given' }, other: data.other });
  expect(await loadLargeValues(store, stored)).toEqual(data);
});
