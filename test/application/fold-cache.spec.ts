import { FoldCache, unread, type Folded } from '../../src/application/workflow/fold-cache.js';
import type { WorkflowState } from '../../src/domain/workflow/state.js';

const at = (revision: bigint, status: 'running' | 'completed' = 'running'): Folded => ({
  ...unread,
  revision,
  state: { status } as WorkflowState,
});

test('keeps those used last, as many as it may', () => {
  const cache = new FoldCache(2);
  cache.put('a', at(0n));
  cache.put('b', at(0n));
  cache.get('a');
  cache.put('c', at(0n));
  expect(['a', 'b', 'c'].map((id) => cache.get(id)?.revision)).toEqual([0n, undefined, 0n]);
});

test('an older view never replaces a newer one, also when it ended in between', () => {
  const cache = new FoldCache(10);
  cache.put('a', at(5n, 'completed'));
  cache.put('a', at(4n));
  expect(cache.get('a')).toEqual(at(5n, 'completed'));
  cache.put('a', at(6n));
  expect(cache.get('a')).toEqual(at(6n));
  cache.forget('a');
  expect(cache.get('a')).toBeUndefined();
});

test('what has ended takes a small share, and no place of what has not', () => {
  const cache = new FoldCache(100);
  for (let n = 0; n < 100; n++) cache.put(`unfinished-${n}`, at(0n));
  for (let n = 0; n < 100; n++) cache.put(`ended-${n}`, at(1n, 'completed'));
  const kept = (name: string) => Array.from({ length: 100 }, (_, n) => cache.get(`${name}-${n}`)).filter(Boolean);
  expect(kept('unfinished')).toHaveLength(100);
  expect(kept('ended')).toHaveLength(5);
  expect(cache.get('ended-99')).toBeDefined();
});

test('keeps nothing where it may not', () => {
  const cache = new FoldCache(0);
  cache.put('a', at(0n));
  cache.put('b', at(0n, 'completed'));
  expect([cache.get('a'), cache.get('b')]).toEqual([undefined, undefined]);
});
