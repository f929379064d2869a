import { createHash } from 'node:crypto';
import {
  consistencyRanges,
  Frontier,
  inclusionRanges,
  isConsistent,
  joined,
  leafHash,
  partsOf,
  rootOfInclusion,
  type Range,
} from '../../../src/application/audit/merkle.js';

const MOST = 35;
const leaves = Array.from({ length: MOST }, (_, index) => leafHash(`leaf ${index}`));
const nodes = new Map<string, Buffer>();
const roots: Buffer[] = [];
const frontier = new Frontier();
for (const leaf of leaves) {
  roots.push(frontier.root());
  for (const { level, index, hash } of frontier.append(leaf)) nodes.set(`${level}/${index}`, hash);
}
roots.push(frontier.root());
const hashesOf = (ranges: readonly Range[]) =>
  ranges.map((range) => joined(partsOf(range).map(({ level, index }) => nodes.get(`${level}/${index}`)!)));

/** RFC 6962, 2.1, word by word. */
const sha256 = (...parts: Buffer[]) => createHash('sha256').update(Buffer.concat(parts)).digest();
const written = (hashes: readonly Buffer[]): Buffer => {
  if (hashes.length === 0) return sha256();
  if (hashes.length === 1) return hashes[0]!;
  let middle = 1;
  while (middle * 2 < hashes.length) middle *= 2;
  return sha256(Buffer.from([1]), written(hashes.slice(0, middle)), written(hashes.slice(middle)));
};

describe('the tree', () => {
  test("has RFC 6962's known hashes", () => {
    expect(leafHash('').toString('hex')).toBe('6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d');
    expect(new Frontier().root().toString('hex')).toBe(createHash('sha256').digest('hex'));
  });

  test('has the root of the definition at every size', () => {
    for (let size = 0; size <= MOST; size++) expect(roots[size]).toEqual(written(leaves.slice(0, size)));
  });

  test('goes on from the peaks alone', () => {
    for (let size = 0; size < MOST; size++) {
      const peaks: Buffer[] = [];
      for (const { level, index } of partsOf({ start: 0, end: size })) peaks[level] = nodes.get(`${level}/${index}`)!;
      const again = new Frontier(size, peaks);
      again.append(leaves[size]!);
      expect(again.root()).toEqual(roots[size + 1]);
    }
  });

  test('proves each leaf at every size, and no other leaf, place or size', () => {
    for (let size = 1; size <= MOST; size++)
      for (let index = 0; index < size; index++) {
        const proof = hashesOf(inclusionRanges(index, size));
        expect(proof.length).toBeLessThanOrEqual(Math.ceil(Math.log2(size)));
        expect(rootOfInclusion(leaves[index]!, index, size, proof)).toEqual(roots[size]);
        expect(rootOfInclusion(leafHash('other'), index, size, proof)).not.toEqual(roots[size]);
        if (size > 1) expect(rootOfInclusion(leaves[index]!, index ^ 1, size, proof)).not.toEqual(roots[size]);
        expect(rootOfInclusion(leaves[index]!, index, size, [...proof, proof[0] ?? leaves[0]!])).toBeUndefined();
      }
  });

  test('proves that it only grew, and not where it did not', () => {
    for (let size = 1; size <= MOST; size++)
      for (let before = 1; before <= size; before++) {
        const proof = hashesOf(consistencyRanges(before, size));
        const now = { size, root: roots[size]! };
        expect(isConsistent({ size: before, root: roots[before]! }, now, proof)).toBe(true);
        expect(isConsistent({ size: before, root: leafHash('other') }, now, proof)).toBe(false);
        if (before < size)
          expect(isConsistent({ size: before, root: roots[before]! }, { ...now, root: roots[0]! }, proof)).toBe(false);
      }
  });
});
