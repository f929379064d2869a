/** The tree and its checkpoints through crashes, restarts, two leaders, and a rebuild. */
import { randomUUID } from 'node:crypto';
import { appendFile, readFile, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { consistencyRanges, isConsistent, rootOfInclusion } from '../../../src/application/audit/merkle.js';
import { hashOfLeaf } from '../../../src/application/audit/audited-log.js';
import { TreeHeadFile } from '../../../src/infrastructure/audit/tree-head-file.js';
import { verifyLog } from '../../../src/application/audit/verify-log.js';
import { LogUnavailable, type EventLog, type SubscriptionMessage } from '../../../src/application/log/event-log.js';
import { ForeignEvents } from '../../../src/application/log/foreign-events.js';
import { treeHeadHash, type SignedTreeHead } from '../../../src/application/audit/signed-tree-head.js';
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
  const before = (await audited.tree.latestTreeHead())!;
  await grow('workflow-b', 8, 13)();
  const after = (await audited.tree.latestTreeHead())!;
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

test('the key is made once, and no other user may read it', async () => {
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
  again.signNow();
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

test('a file that was taken away is made again, however many checkpoints there were', async () => {
  for (let size = 1; size <= 4; size++) await grow('workflow-a', 1, size)();
  const before = await readFile(audited.file, 'utf8');
  await rm(audited.file);
  const log = Object.create(audited.log) as EventLog;
  log.read = async (stream, from) => {
    const found = await audited.log.read(stream, from);
    if (found.events.length > 2) throw new LogUnavailable('more than 2 events, the limit of one read');
    return found;
  };
  const keeper = await audited.keeper({}, { log });
  keeper.start();
  await eventually(async () => (await readFile(audited.file, 'utf8').catch(() => '')) === before).finally(() =>
    keeper.stop(),
  );
  expect(audited.errors).toEqual([]);
  expect((await audited.verifyAll()).findings).toEqual([]);
});

test('two at once: one leads, the other takes over, and there is one line of checkpoints', async () => {
  const [one, other] = [await audited.keeper(), await audited.keeper()];
  one.start();
  other.start();
  await audited.append('workflow-a', 4);
  const both = { signNow: () => (one.signNow(), other.signNow()) } as typeof one;
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
  expect((await audited.tree.latestTreeHead())?.tree_size).toBe(20);
  expect((await audited.verifyAll()).findings).toEqual([]);
});

test('a file of another log: the leader signs nothing and logs why', async () => {
  await grow('workflow-a', 3, 3)();
  const [line = ''] = await lines();
  await appendFile(audited.file, `${JSON.stringify({ ...JSON.parse(line), number: 1 })}\n`);
  await audited.append('workflow-a', 1);
  await run(() => eventually(() => audited.errors.some((error) => error.includes('ends with number 1'))));
  expect((await audited.tree.latestTreeHead())?.number).toBe(0);
});

const numbers = async () => (await lines()).map((line) => (JSON.parse(line) as { number: number }).number);

describe('a leader that stands still', () => {
  /** Stands still before it writes a checkpoint of that number, until it is let go. */
  class StillFile extends TreeHeadFile {
    let = (): void => undefined;
    isStill = false;

    constructor(
      file: string,
      private readonly at: number,
    ) {
      super(file);
    }

    override async append(checkpoints: readonly SignedTreeHead[]): Promise<void> {
      if (checkpoints.some(({ number }) => number === this.at)) {
        this.isStill = true;
        await new Promise<void>((resolve) => (this.let = resolve));
      }
      await super.append(checkpoints);
    }
  }

  test('between the table and the file, while another leads: what it writes late changes nothing', async () => {
    await grow('workflow-a', 1, 1)();
    const still = new StillFile(audited.file, 1);
    const stale = await audited.keeper({}, { outside: still });
    stale.start();
    await audited.append('workflow-a', 1);
    await eventually(() => (stale.signNow(), still.isStill));
    await audited.dataSource.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where application_name = 'workflow-executor-audit' and datname = current_database()`,
    );
    await grow('workflow-a', 1, 3)();
    const before = await readFile(audited.file, 'utf8');
    expect(await numbers()).toEqual([0, 1, 2]);
    still.let();
    await stale.stop();
    expect(await readFile(audited.file, 'utf8')).toBe(before);
    await grow('workflow-a', 1, 4)();
    expect(await numbers()).toEqual([0, 1, 2, 3]);
    expect((await audited.verifyAll()).findings).toEqual([]);
  });

  test('and many that write at once: each line has one place, and stands there once', async () => {
    for (const size of [1, 2, 3, 4, 5]) await grow('workflow-a', 1, size)();
    const whole = await readFile(audited.file, 'utf8');
    const all = (await lines()).map((line) => JSON.parse(line) as SignedTreeHead);
    for (let round = 0; round < 20; round++) {
      await writeFile(audited.file, '');
      const writers = all.flatMap((_, last) => [0, 1].map(() => all.slice(0, last + 1)));
      await Promise.all(writers.map((known) => new TreeHeadFile(audited.file).append(known)));
      expect(await readFile(audited.file, 'utf8')).toBe(whole);
    }
  });
});

describe('the file', () => {
  const three = async () => {
    for (const size of [1, 2, 3]) await grow('workflow-a', 1, size)();
    return (await readFile(audited.file, 'utf8')).split(/(?<=\n)/);
  };

  test.each([
    ['at once', [0, 1, 1, 2]],
    ['after the next', [0, 1, 2, 1]],
  ])('with a line that an earlier version wrote again, %s: it counts once, and the file goes on', async (_, order) => {
    const all = await three();
    await writeFile(audited.file, order.map((number) => all[number]).join(''));
    const { findings, checkpoints } = await audited.verifyAll();
    expect({ findings, inFile: checkpoints.inFile, repeated: checkpoints.repeated }).toEqual({
      ...{ findings: [], inFile: 3, repeated: 1 },
    });
    await grow('workflow-a', 1, 4)();
    expect(await numbers()).toEqual([...order, 3]);
    expect((await audited.verifyAll()).findings).toEqual([]);
  });

  test('with a line again that is of the same length, and not the same: wrong', async () => {
    const all = await three();
    const { at } = JSON.parse(all[1]!) as { at: string };
    const other = all[1]!.replace(at, `2${String(Number(at[1]) + 1)}${at.slice(2)}`);
    expect(other).toHaveLength(all[1]!.length);
    await writeFile(audited.file, [all[0], all[1], other, all[2]].join(''));
    expect((await audited.verifyAll()).findings.map(({ kind, revision }) => `${kind} ${revision}`)).toContain(
      'checkpoint-edited 1',
    );
  });

  test('with half a line at its end, as a crash or a writer under way leaves it: nothing is wrong', async () => {
    const all = await three();
    await writeFile(audited.file, [all[0], all[1], all[2]!.slice(0, 40)].join(''));
    expect(await audited.verifyAll()).toMatchObject({ findings: [], checkpoints: { inFile: 2 } });
    await grow('workflow-a', 1, 4)();
    expect(await numbers()).toEqual([0, 1, 2, 3]);
  });

  test('with something else where the next line belongs: it is not written over', async () => {
    const all = await three();
    const file = new TreeHeadFile(audited.file);
    const { at } = JSON.parse(all[2]!) as { at: string };
    await expect(file.append([{ ...JSON.parse(all[2]!), at: at.replace('Z', '1Z') }])).rejects.toThrow(/got another/);
    await expect(file.append([{ ...JSON.parse(all[2]!), number: 4 }])).rejects.toThrow(/expected checkpoint 3/);
    expect((await readFile(audited.file, 'utf8')).split(/(?<=\n)/)).toEqual(all);
  });
});

describe('while the application goes on', () => {
  /** Does something at the moment in which the log has answered, and its answer is not looked at yet. */
  const meanwhile = (what: () => Promise<unknown>): EventLog => {
    let is = false;
    return new Proxy(audited.stored, {
      get: (log, name) =>
        name === 'subscribe' || name === 'read'
          ? (...given: unknown[]) => {
              const result = Reflect.apply(log[name], log, given) as never;
              return name === 'read' ? later(result) : seen(result);
            }
          : Reflect.get(log, name),
    });
    async function once() {
      if (is) return;
      is = true;
      await what();
    }
    async function later(read: Promise<unknown>) {
      const result = await read;
      await once();
      return result;
    }
    async function* seen(signals: AsyncIterable<SubscriptionMessage>) {
      for await (const signal of signals) {
        await once();
        yield signal;
      }
    }
  };

  test('what is signed after the checkpoints of the log were read is no finding', async () => {
    await grow('workflow-a', 1, 1)();
    const log = meanwhile(grow('workflow-a', 1, 2));
    expect((await audited.verifyAll(log)).findings).toEqual([]);
  });

  test('what comes into the log and the tree after the end of the log was read is no finding', async () => {
    await grow('workflow-a', 3, 3)();
    const { checkpoints } = await audited.verifyAll();
    const log = meanwhile(grow('workflow-b', 1, 4));
    expect((await verifyLog({ log, tree: audited.tree }, checkpoints.trusted)).findings).toEqual([]);
  });

  test('what comes into one stream while it is verified is no finding', async () => {
    await grow('workflow-a', 3, 3)();
    const log = meanwhile(grow('workflow-a', 1, 4));
    expect((await audited.verifyOne('workflow-a', log)).findings).toEqual([]);
  });
});

test('the end of an instance signs what is not signed yet', async () => {
  await audited.append('workflow-a', 3);
  const keeper = await audited.keeper();
  keeper.start();
  await eventually(async () => (await audited.tree.leaves(2, 1)).length === 1);
  await audited.append('workflow-a', 2);
  await keeper.stop();
  expect((await audited.tree.latestTreeHead())?.tree_size).toBe(5);
  expect(audited.errors).toEqual([]);
});

test('the leader goes on from a checkpoint that an earlier leader appended late, and logs no error', async () => {
  await grow('workflow-a', 1, 1)();
  const one = await audited.keeper();
  one.start();
  await audited.append('workflow-a', 1);
  await eventually(async () => (await audited.tree.leaves(1, 1)).length === 1);
  // What the former leader had signed for the tree as it is.
  const former = await audited.signedByHand();
  await audited.log.append('audit-checkpoints', former, 0n);
  await audited.append('workflow-a', 1);
  await audited.signUpTo(one, 3);
  await one.stop();
  expect(await numbers()).toEqual([0, 1, 2]);
  expect((await audited.verifyAll()).findings).toEqual([]);
  expect(audited.errors).toEqual([]);
});

test('signing goes on behind foreign events in the stream of checkpoints, and verification names them', async () => {
  await grow('workflow-a', 2, 2)();
  const [forged] = await audited.signedByHand();
  const put = async (data: object) => {
    const { revision } = await audited.log.read('audit-checkpoints');
    const event = { id: randomUUID(), type: 'AuditCheckpointSigned', data: data as never, metadata: {} };
    await audited.log.append('audit-checkpoints', [event], revision);
  };
  const notices: string[] = [];
  const foreign = new ForeignEvents((_level, line) => notices.push(line));
  const keeper = await audited.keeper({}, { foreign });
  keeper.start();
  await put({ nonsense: true });
  await audited.append('workflow-a', 1);
  await audited.signUpTo(keeper, 3);
  // The next number, under the right key, and not signed with it.
  const next = { ...forged!.data, number: 2, previous: treeHeadHash((await audited.tree.latestTreeHead())!) };
  await put(next);
  await audited.append('workflow-a', 1);
  await audited.signUpTo(keeper, 4);
  await keeper.stop();
  await audited.dataSource.query('truncate audit_checkpoints');
  await rm(audited.file);
  await grow('workflow-a', 1, 5)();

  expect(audited.errors).toEqual([]);
  expect(notices).toEqual([
    expect.stringContaining('Stream audit-checkpoints holds an event that this application did not'),
  ]);
  expect((await lines()).map((line) => (JSON.parse(line) as SignedTreeHead).tree_size)).toEqual([2, 3, 4, 5]);
  const { findings } = await audited.verifyAll();
  expect(findings.map(({ stream }) => stream)).toContain('audit-checkpoints');
});
