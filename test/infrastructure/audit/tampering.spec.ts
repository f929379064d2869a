/** Each kind of tampering, made directly in the stored events, and what the verification says of it. */
import { generateKeyPairSync } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { treeHeadHash, readTreeHead, signedText } from '../../../src/application/audit/signed-tree-head.js';
import { eventHash } from '../../../src/application/log/event-hash.js';
import { KeySigner } from '../../../src/infrastructure/audit/signing-key.js';
import { openAudited, type Audited } from './audited.js';

const [A, B, C, D] = ['workflow-a', 'workflow-b', 'agent-c', 'workflow-d'];
const EVENTS = 'eventstore.events';

let audited: Audited;
let file = '';
const told: string[] = [];
const sql = (text: string, values: unknown[] = []) => audited.dataSource.query(text, values);

beforeAll(async () => {
  audited = await openAudited();
  const keeper = await audited.keeper();
  keeper.start();
  for (const stream of [A, B, A, C, A, B]) await audited.append(stream, 1);
  await audited.signUpTo(keeper, 6);
  for (const stream of [A, B, A, C, A, B, D, D]) await audited.append(stream, 1);
  await audited.signUpTo(keeper, 14);
  await keeper.stop();
  file = await readFile(audited.file, 'utf8');
  for (const table of [EVENTS, 'audit_leaves', 'audit_nodes'])
    await sql(`create table ${saved(table)} as table ${table}`);
}, 60_000);
afterAll(async () => {
  process.stdout.write(`${told.join('\n')}\n`);
  await audited.close();
});
afterEach(async () => {
  for (const table of [EVENTS, 'audit_leaves', 'audit_nodes'])
    await sql(`with gone as (delete from ${table}) select 1`).then(() =>
      sql(`insert into ${table} table ${saved(table)}`),
    );
  await writeFile(audited.file, file);
});

const saved = (table: string) => `saved_${table.replace('.', '_')}`;
const at = `stream = $1 and revision = $2`;
const positionOf = async (stream: string, revision: number): Promise<bigint> =>
  BigInt((await sql(`select position from saved_eventstore_events where ${at}`, [stream, revision]))[0].position);

const edit = (column: string) => (stream: string, revision: number, from: string, to: string) =>
  sql(
    `update ${EVENTS} set ${column} = convert_to(replace(convert_from(${column}, 'utf8'), $3, $4), 'utf8') where ${at}`,
    [stream, revision, from, to],
  );
const editData = edit('data');
const editMetadata = edit('metadata');

/** What a clever attacker does after an edit: gives every event from there on the hashes that it should have. */
const rehash = async (stream: string) => {
  let previousHash: string | null = null;
  for (const event of (await audited.stored.read(stream)).events) {
    const metadata: Record<string, unknown> = { ...(event.metadata as object), previousHash };
    previousHash = eventHash({ ...event, metadata });
    const text = JSON.stringify({ ...metadata, hash: previousHash });
    await sql(`update ${EVENTS} set metadata = $3 where ${at}`, [stream, String(event.revision), Buffer.from(text)]);
  }
};
const swap = (column: string) =>
  sql(`update ${EVENTS} event set ${column} = -event.${column} where stream = $1 and revision in (1, 2)`, [A]).then(
    () =>
      sql(
        `update ${EVENTS} event set ${column} = other.${column} from saved_eventstore_events other
       where event.${column} < 0 and other.stream = $1 and other.revision in (1, 2) and other.${column} <> -event.${column}`,
        [A],
      ),
  );
const insert = (stream: string, revision: number, between: string) =>
  sql(
    `insert into ${EVENTS} select ${between}, $1, $2, gen_random_uuid(), type, json, created, data, metadata
     from ${EVENTS} where stream = 'workflow-a' and revision = 0`,
    [stream, revision],
  );

type Case = [what: string, kind: string, bad: [string, number], tamper: () => Promise<unknown>];

const cases: Case[] = [
  ['data edited', 'edited-data', [A, 2], () => editData(A, 2, 'step 2', 'step X')],
  [
    'data edited, hashes made again',
    'edited-data',
    [A, 2],
    () => editData(A, 2, 'step 2', 'step X').then(() => rehash(A)),
  ],
  ['the actor edited', 'edited-metadata', [B, 1], () => editMetadata(B, 1, 'ann', 'bob')],
  [
    'the actor edited, hashes made again',
    'edited-metadata',
    [B, 1],
    () => editMetadata(B, 1, 'ann', 'bob').then(() => rehash(B)),
  ],
  [
    'the type edited',
    'edited-metadata',
    [B, 1],
    () => sql(`update ${EVENTS} set type = 'StepFailed' where ${at}`, [B, 1]),
  ],
  [
    "the last event's data edited, hashes made again",
    'edited-data',
    [D, 1],
    () => editData(D, 1, 'step 1', 'step X').then(() => rehash(D)),
  ],
  ['an event deleted', 'deleted-event', [A, 2], () => sql(`delete from ${EVENTS} where ${at}`, [A, 2])],
  [
    'an event deleted, the rest moved up and hashed again',
    'deleted-event',
    [A, 2],
    async () => {
      await sql(`delete from ${EVENTS} where ${at}`, [A, 2]);
      for (const revision of [3, 4])
        await sql(`update ${EVENTS} set revision = $2 - 1 where ${at.replace('$2', '$2::bigint')}`, [A, revision]);
      await rehash(A);
    },
  ],
  [
    'a copy of another event put behind the end of a stream, after the last checkpoint',
    'edited-event',
    [C, 2],
    () => insert(C, 2, '(select max(position) + 1 from eventstore.events)'),
  ],
  ['the order in the log changed', 'reordered', [A, 1], () => swap('position')],
  ['the order in the stream changed', 'reordered', [A, 1], () => swap('revision')],
  [
    'the order in the stream changed, hashes made again',
    'reordered',
    [A, 1],
    () => swap('revision').then(() => rehash(A)),
  ],
  [
    'the tail of a stream cut',
    'truncated-tail',
    [A, 3],
    () => sql(`delete from ${EVENTS} where stream = $1 and revision >= 3`, [A]),
  ],
  [
    'the tail of the log cut',
    'truncated-tail',
    [A, 3],
    async () => sql(`delete from ${EVENTS} where position >= $1`, [String(await positionOf(A, 3))]),
  ],
  ['a whole stream removed', 'removed-stream', [B, 0], () => sql(`delete from ${EVENTS} where stream = $1`, [B])],
  [
    'the last whole stream removed',
    'removed-stream',
    [D, 0],
    () => sql(`delete from ${EVENTS} where stream = $1`, [D]),
  ],
  [
    'the time of recording changed',
    'recorded-time-changed',
    [A, 1],
    () => sql(`update ${EVENTS} set created = created - 60000 where ${at}`, [A, 1]),
  ],
];

test('what no one edited verifies as it was', async () => {
  const { findings, covered, events, checkpoints } = await audited.verifyAll();
  expect({ findings, covered, events }).toEqual({ findings: [], covered: 14, events: 14 });
  expect(checkpoints).toMatchObject({ inLog: 2, inFile: 2 });
  for (const stream of [A, B, C, D])
    expect(await audited.verifyOne(stream)).toMatchObject({ findings: [], checkpoint: { tree_size: 14 } });
});

test.each(cases)('%s: %s', async (what, kind, [stream, revision], tamper) => {
  await tamper();
  const [first] = (await audited.verifyAll()).findings;
  told.push(
    `${what} | ${first?.kind} | ${first?.stream} | ${first?.revision} | ${first?.position} | checkpoint ${first?.checkpoint}`,
  );
  expect(first).toMatchObject({ kind, stream, revision: BigInt(revision) });
  if (stream !== C) expect(first?.position).toBe(await positionOf(stream, revision));
  const one = await audited.verifyOne(stream);
  expect(one.findings[0]).toMatchObject({ stream, revision: BigInt(revision) });
});

test.each([
  ['where a checkpoint came next', B, 1],
  ['where another event came next', B, 2],
])(
  'an event inserted between others, %s: positions have no gap in this log, so others are moved',
  async (_, stream, revision) => {
    const after = await positionOf(stream, revision);
    await sql(`update ${EVENTS} set position = -position where position > $1`, [String(after)]);
    await sql(`update ${EVENTS} set position = 1 - position where position < 0`);
    await insert('workflow-e', 0, String(after + 1n));
    const [first] = (await audited.verifyAll()).findings;
    expect(first).toMatchObject({ kind: 'inserted-event', stream: 'workflow-e', position: after + 1n });
  },
);

describe('an event without a hash', () => {
  const strip = (stream: string, revision: number) =>
    sql(`update ${EVENTS} set metadata = '{}' where ${at}`, [stream, revision]);
  const end = '(select max(position) + 1 from eventstore.events)';

  test('put behind those of a stream, after the last checkpoint, was not written by this application', async () => {
    await insert(C, 2, end);
    await strip(C, 2);
    const found = { kind: 'inserted-event', stream: C, revision: 2n, checkpoint: null };
    expect((await audited.verifyAll()).findings).toMatchObject([found]);
    expect((await audited.verifyOne(C)).findings).toMatchObject([found]);
  });

  test('an unhashed event that begins a stream may be of an earlier version: it is reported, and no finding', async () => {
    expect(await audited.verifyAll()).toMatchObject({ unhashed: null });
    await insert('workflow-e', 0, end);
    await strip('workflow-e', 0);
    const told = { findings: [], unhashed: { count: 1, first: { stream: 'workflow-e', revision: 0n } } };
    expect(await audited.verifyAll()).toMatchObject(told);
    expect(await audited.verifyOne('workflow-e')).toMatchObject(told);
  });
});

test('an attacker who also rewrites the stored tree: the signed root tells that, and between which checkpoints', async () => {
  await editData(D, 1, 'step 1', 'step X');
  await rehash(D);
  const { events } = await audited.stored.read(D);
  await sql(`update audit_leaves set event_hash = decode($3, 'hex') where ${at}`, [D, 1, eventHash(events[1]!)]);
  const { findings } = await audited.verifyAll();
  expect(findings).toMatchObject([{ kind: 'history-rewritten', checkpoint: 1, position: await positionOf(D, 1) }]);
  expect((await audited.verifyOne(D)).findings).toMatchObject([{ kind: 'history-rewritten', stream: D, revision: 1n }]);
});

test('a stored tree that was tampered with, where the log was not', async () => {
  await sql(`update audit_leaves set event_hash = data_hash where ${at}`, [B, 1]);
  expect((await audited.verifyAll()).findings).toMatchObject([{ kind: 'tree-damaged', stream: B, revision: 1n }]);
});

describe('checkpoints', () => {
  const stream = 'audit-checkpoints';
  const lines = () =>
    file
      .trimEnd()
      .split('\n')
      .map((line) => readTreeHead(JSON.parse(line)));
  const stored = (revision: number, checkpoint: object) =>
    sql(`update ${EVENTS} set data = $3 where ${at}`, [stream, revision, Buffer.from(JSON.stringify(checkpoint))]);
  const kinds = async () => (await audited.verifyAll()).findings.map(({ kind, revision }) => `${kind} ${revision}`);

  test('the last one removed from the log', async () => {
    await sql(`delete from ${EVENTS} where ${at}`, [stream, 1]);
    expect(await kinds()).toEqual(['checkpoint-removed 1']);
  });
  test('the tail of the log and its checkpoint removed', async () => {
    await sql(`delete from ${EVENTS} where position >= $1`, [String(await positionOf(D, 1))]);
    expect((await audited.verifyAll()).findings).toMatchObject([
      { kind: 'truncated-tail', stream: D, revision: 1n },
      { kind: 'checkpoint-removed', revision: 1n },
    ]);
  });
  test('the first one removed from the log', async () => {
    await sql(`delete from ${EVENTS} where ${at}`, [stream, 0]);
    expect(await kinds()).toContain('checkpoint-removed 0');
  });
  test('one removed from the file', async () => {
    await writeFile(audited.file, file.slice(file.indexOf('\n') + 1));
    expect(await kinds()).toContain('checkpoint-removed 0');
  });
  test('the signature changed', async () => {
    const last = lines()[1]!;
    await stored(1, { ...last, signature: Buffer.alloc(64).toString('base64') });
    expect(await kinds()).toEqual(expect.arrayContaining(['checkpoint-signature 1', 'checkpoint-edited 1']));
  });
  test('the size changed', async () => {
    await stored(1, { ...lines()[1]!, tree_size: 13 });
    expect(await kinds()).toContain('checkpoint-signature 1');
  });
  test('signed with another key, in the log and in the file', async () => {
    const [first, last] = lines();
    const signer = new KeySigner(generateKeyPairSync('ed25519').privateKey);
    const unsigned = { ...last!, key_id: signer.keyId, previous: treeHeadHash(first!) };
    const forged = { ...unsigned, signature: signer.sign(signedText(unsigned)) };
    await stored(1, forged);
    await writeFile(audited.file, [first, forged].map((line) => `${JSON.stringify(line)}\n`).join(''));
    expect(await kinds()).toEqual(['wrong-key 1', 'wrong-key 1']);
  });
});
