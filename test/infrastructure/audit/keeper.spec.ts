/** The tree and its checkpoints through crashes, restarts, two leaders, and a rebuild. */
import { appendFile, readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { consistencyRanges, isConsistent, rootOfInclusion } from '../../../src/application/audit/merkle.js';
import { hashOfLeaf } from '../../../src/application/audit/audited-log.js';
import { eventually } from '../../support/eventually.js';
import { openAudited, type Audited } from './audited.js';

let audited: Audited;
beforeEach(async () => {
  audited = await openAudited();
});
afterEach(() => audited.close());

const run = async (during: (keeper: Awaited<ReturnType<Audited['keeper']>>) => Promise<unknown>) => {
  const keeper = await audited.keeper();
  keeper.start();
  await during(keeper).finally(() => keeper.stop());
};
const grow = (stream: string, count: number, size: number) => async () => {
  await audited.append(stream, count);
  await run((keeper) => audited.signUpTo(keeper, size));
};
const lines = async () => (await readFile(audited.file, 'utf8')).trimEnd().split('\n');

test('a restart goes on; every event is proved, and the tree is proved to have only grown', async () => {
  await grow('workflow-a', 5, 5)();
  const before = (await audited.tree.latestCheckpoint())!;
  await grow('workflow-b', 8, 13)();
  const after = (await audited.tree.latestCheckpoint())!;
  expect(after).toMatchObject({ number: 1, tree_size: 13 });
  const root = (hex: string) => Buffer.from(hex, 'hex');
  const grown = await audited.tree.hashesOf(consistencyRanges(5, 13));
  const sized = [before, after].map((one) => ({ size: one.tree_size, root: root(one.root) }));
  expect(isConsistent(sized[0]!, sized[1]!, grown)).toBe(true);
  const leaves = await audited.tree.leaves(0, 100);
  const proofs = await audited.tree.inclusionProofs(
    leaves.map(({ index }) => index),
    13,
  );
  for (const leaf of leaves)
    expect(rootOfInclusion(hashOfLeaf(leaf), leaf.index, 13, proofs[leaf.index]!)).toEqual(root(after.root));
  expect((await audited.verifyAll()).findings).toEqual([]);
  expect(audited.errors).toEqual([]);
});

test('the key is made once, and nobody else may read it', async () => {
  await grow('workflow-a', 1, 1)();
  await grow('workflow-a', 1, 2)();
  const checkpoints = (await lines()).map((line) => JSON.parse(line) as { key_id: string });
  expect(new Set(checkpoints.map(({ key_id: id }) => id)).size).toBe(1);
  expect((await stat(path.join(audited.directory, 'signing-key.pem'))).mode & 0o777).toBe(0o600);
});

test('nothing is signed when nothing is new', async () => {
  await grow('workflow-a', 3, 3)();
  const again = await audited.keeper({ checkpointMs: 1 });
  again.start();
  await audited.append('audit-nothing', 1);
  await eventually(async () => (await audited.tree.leaves(0, 9)).length === 3);
  again.hurry();
  await again.stop();
  expect(await lines()).toHaveLength(1);
});

test('a crash after the append: the file and the table get what the log has', async () => {
  await grow('workflow-a', 3, 3)();
  const first = await readFile(audited.file, 'utf8');
  await grow('workflow-a', 2, 5)();
  const whole = await readFile(audited.file, 'utf8');
  await writeFile(audited.file, first);
  await appendFile(audited.file, whole.slice(first.length, first.length + 40)); // a line that was cut short
  await audited.dataSource.query('delete from audit_checkpoints where number = 1');
  await grow('workflow-a', 1, 6)();
  const after = await readFile(audited.file, 'utf8');
  expect(after.startsWith(whole)).toBe(true);
  expect(after.trimEnd().split('\n')).toHaveLength(3);
  expect((await audited.verifyAll()).findings).toEqual([]);
});

test('two at once: one leads, the other takes over, and there is one line of checkpoints', async () => {
  const [one, other] = [await audited.keeper(), await audited.keeper()];
  one.start();
  other.start();
  await audited.append('workflow-a', 4);
  const both = { hurry: () => (one.hurry(), other.hurry()) } as typeof one;
  await audited.signUpTo(both, 4);
  await one.stop();
  await audited.append('workflow-a', 4);
  await audited.signUpTo(both, 8);
  await other.stop();
  expect((await audited.verifyAll()).findings).toEqual([]);
  expect(await lines()).toHaveLength(2);
});

test('a tree that was taken away is built again, the same', async () => {
  await grow('workflow-a', 20, 20)();
  const { rows: before } = { rows: await audited.dataSource.query('select * from audit_nodes order by level, index') };
  const session = (await audited.tree.tryLead())!;
  await session.clear();
  await session.close();
  await run(() => eventually(async () => (await audited.tree.leaves(19, 1)).length === 1));
  expect(await audited.dataSource.query('select * from audit_nodes order by level, index')).toEqual(before);
  expect((await audited.tree.latestCheckpoint())?.tree_size).toBe(20);
  expect((await audited.verifyAll()).findings).toEqual([]);
});

test('a file of another log: nothing is signed, and it is told', async () => {
  await grow('workflow-a', 3, 3)();
  const [line = ''] = await lines();
  await appendFile(audited.file, `${JSON.stringify({ ...JSON.parse(line), number: 1 })}\n`);
  await audited.append('workflow-a', 1);
  await run(() => eventually(() => audited.errors.some((error) => error.includes('ends with number 1'))));
  expect((await audited.tree.latestCheckpoint())?.number).toBe(0);
});
