import { AuditTree } from '../../../src/application/audit/audit-tree.js';
import { Frontier, leafHash, rootOfInclusion, type NodePlace } from '../../../src/application/audit/merkle.js';

const LEAVES = 10_000;
const leaves = Array.from({ length: LEAVES }, (_, index) => leafHash(`leaf ${index}`));
const frontier = new Frontier();
const stored = new Map(
  leaves.flatMap((leaf) => frontier.append(leaf)).map(({ level, index, hash }) => [`${level}/${index}`, hash]),
);

/** Only looks up nodes, and counts them. */
class Nodes extends AuditTree {
  asked = 0;
  async nodes(places: readonly NodePlace[]) {
    this.asked += places.length;
    return places.map(({ level, index }) => stored.get(`${level}/${index}`)!);
  }
  tryLead = () => Promise.reject(new Error('not asked for'));
  leaves = () => Promise.reject(new Error('not asked for'));
  leavesOf = () => Promise.reject(new Error('not asked for'));
  size = () => Promise.reject(new Error('not asked for'));
  treeHeadsFrom = () => Promise.reject(new Error('not asked for'));
  moves = () => Promise.reject(new Error('not asked for'));
  keyChanges = () => Promise.reject(new Error('not asked for'));
  latestTreeHead = () => Promise.reject(new Error('not asked for'));
}

test('the proofs of a long history look at each node a few times at most, and hold', async () => {
  const tree = new Nodes();
  const indexes = leaves.map((_, index) => index);
  const proofs = await tree.inclusionProofs(indexes, LEAVES);
  expect(tree.asked).toBeLessThan(3 * LEAVES);
  const isProved = (index: number) =>
    rootOfInclusion(leaves[index]!, index, LEAVES, proofs[index]!)?.equals(frontier.root());
  expect(indexes.filter((index) => !isProved(index))).toEqual([]);
});
