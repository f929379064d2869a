/** The log is copied to another server, and everything that was signed still proves it: the record of the move, and what it is not good for. */
import { jsonEvent } from '@eventstore/db-client';
import type { MoveRefused } from '../../../src/application/audit/move-log.js';
import { hashOf } from '../../../src/application/log/event-hash.js';
import type { EventLog } from '../../../src/application/log/event-log.js';
import { EventStoreDbEventLog } from '../../../src/infrastructure/eventstore/eventstore-db.event-log.js';
import { openSigningKey } from '../../../src/infrastructure/audit/signing-key.js';
import { StoredLog } from '../../../src/infrastructure/embedded-eventstore/index.js';
import { copyLog } from '../../../src/tools/copy-eventstore/copy.js';
import { nextSteps } from '../../../src/tools/copy-eventstore/next-steps.js';
import { Server } from '../../../src/tools/copy-eventstore/server.js';
import { eventually } from '../../support/eventually.js';
import { startSide, type Side } from '../../tools/copy-eventstore/side.js';
import { openAudited, type Audited } from './audited.js';

type Target = Side & Readonly<{ log: EventStoreDbEventLog; stored: EventLog; fill: (from: string) => Promise<void> }>;

/** A server whose positions and times are others than those of the source. */
const openTarget = async (before = 3): Promise<Target> => {
  const side = await startSide('target');
  const events = Array.from({ length: before }, () => jsonEvent({ type: 'Settled', data: {} }));
  if (before > 0) await side.client.appendToStream('$settings', events);
  const log = new EventStoreDbEventLog({ url: side.url, appendTimeoutMs: 5_000 });
  const stored = new StoredLog((text, values) => side.sql(text, [...values]));
  const fill = async (from: string) => {
    const source = await Server.connect('source', from);
    await copyLog(source, side.server, () => undefined).finally(() => source.close());
  };
  const stop = async () => {
    await log.close();
    await side.stop();
  };
  return { ...side, log, stored, fill, stop };
};

let audited: Audited;
let target: Target;

/** Three streams by turns, signed in two tree heads. */
const record = async () => {
  const keeper = await audited.keeper();
  keeper.start();
  for (const stream of ['workflow-a', 'workflow-b', 'agent-c']) await audited.append(stream, 2);
  await audited.signUpTo(keeper, 6);
  for (const stream of ['workflow-b', 'workflow-a']) await audited.append(stream, 2);
  await audited.signUpTo(keeper, 10);
  await keeper.stop();
};
/** A leader whose log is that of `at`. */
const leadOn = async (at: Target) => {
  const keeper = await audited.keeper({ keyPauseMs: 20 }, { log: at.log });
  keeper.start();
  return keeper;
};
const kindsOf = async (at = target) => (await audited.verifyAll(at.stored)).findings.map(({ kind }) => kind);
const refusal = (at: Target) =>
  audited.move(at.log).then(
    () => expect('the move').toBe('refused'),
    ({ message, findings }: MoveRefused) => ({ message, kinds: findings.map(({ kind }) => kind) }),
  );

beforeEach(async () => {
  audited = await openAudited();
  await record();
  target = await openTarget();
});
afterEach(async () => {
  await target.stop();
  await audited.close();
});

describe('a copy', () => {
  test('whose move is signed proves all that was signed before, and all that is signed after it', async () => {
    await target.fill(audited.url);
    const moved = await audited.move(target.log);
    expect(moved).toMatchObject({ events: 10, checkpoint: 2 });
    const verified = await audited.verifyAll(target.stored);
    expect(verified).toMatchObject({ findings: [], covered: 10, events: 10 });
    expect(verified.checkpoints.trusted.at(-1)).toMatchObject({
      move: { from: String(moved!.from) },
      position: String(moved!.to),
    });

    await audited.append('workflow-a', 1, target.log);
    const keeper = await leadOn(target);
    await audited.signUpTo(keeper, 11);
    await keeper.stop();
    expect(audited.errors).toEqual([]);
    expect(await audited.verifyAll(target.stored)).toMatchObject({ findings: [], covered: 11 });
    const one = await audited.verifyOne('workflow-a', target.stored);
    expect(one).toMatchObject({ findings: [], proved: 5, moves: [{ number: 2 }] });
  });

  test('gives each event with the time of its recording, its metadata and its hash as they were', async () => {
    await target.fill(audited.url);
    const [before, after] = [await audited.log.read('workflow-b'), await target.log.read('workflow-b')];
    const { position: _, ...first } = before.events[0]!;
    expect(after.events[0]).toMatchObject({ ...first, movedFrom: before.events[0]!.position });
    expect(after.events.map(({ metadata }) => metadata)).toEqual(before.events.map(({ metadata }) => metadata));
    const stored = await target.stored.read('workflow-b');
    expect(stored.events).toEqual(after.events);
  });

  test('can be moved on, with what was recorded meanwhile', async () => {
    await target.fill(audited.url);
    await audited.move(target.log);
    await audited.append('workflow-d', 3, target.log);
    const keeper = await leadOn(target);
    await audited.signUpTo(keeper, 13);
    await keeper.stop();
    const third = await openTarget(7);
    try {
      await third.fill(target.url);
      expect(await audited.move(third.log)).toMatchObject({ events: 13 });
      expect(await kindsOf(third)).toEqual([]);
      const fourth = await leadOn(third);
      await audited.append('workflow-d', 1, third.log);
      await audited.signUpTo(fourth, 14);
      await fourth.stop();
      expect(await audited.verifyAll(third.stored)).toMatchObject({ findings: [], covered: 14 });
    } finally {
      await third.stop();
    }
  });

  test('gives the same tree again when that is made anew from the log alone', async () => {
    await target.fill(audited.url);
    await audited.move(target.log);
    const leaves = await audited.tree.leaves(0, 100);
    const lease = await audited.leadTree();
    await lease.clear();
    await lease.close();
    const keeper = await leadOn(target);
    await eventually(async () => (await audited.tree.size()) === 10);
    await keeper.stop();
    expect(await audited.tree.leaves(0, 100)).toEqual(leaves);
    expect(await kindsOf()).toEqual([]);
  });

  test('whose move is not signed gets no signature, and verification names the verb', async () => {
    await target.fill(audited.url);
    const keeper = await leadOn(target);
    await eventually(() => audited.errors.length > 0);
    await audited.append('workflow-a', 1, target.log);
    await keeper.stop();
    expect(audited.errors.join()).toMatch(/signs nothing.*position \d+.*npm run audit -- move/);
    expect(await audited.tree.size()).toBe(10);
    const { findings } = await audited.verifyAll(target.stored);
    expect(findings).toMatchObject([{ kind: 'unsigned-move', what: expect.stringContaining('npm run audit -- move') }]);
    expect((await audited.verifyOne('workflow-a', target.stored)).findings).toMatchObject([{ kind: 'unsigned-move' }]);
  });

  test('with the positions of the source is no less a copy', async () => {
    const same = await openTarget(0);
    try {
      await same.fill(audited.url);
      expect(await kindsOf(same)).toEqual(['unsigned-move']);
      expect(await audited.move(same.log)).toMatchObject({ events: 10 });
      expect(await kindsOf(same)).toEqual([]);
    } finally {
      await same.stop();
    }
  });
});

describe('the move', () => {
  test('can be repeated, and does nothing where nothing was moved', async () => {
    expect(await audited.move(audited.log)).toBeNull();
    await target.fill(audited.url);
    await audited.move(target.log);
    expect(await audited.move(target.log)).toBeNull();
    expect(await audited.tree.latestTreeHead()).toMatchObject({ number: 2 });
  });

  test('that was interrupted after its signature is completed by the next call', async () => {
    await target.fill(audited.url);
    await audited.dataSource.query('alter table webhook_cursor rename to webhook_cursor_away');
    await expect(audited.move(target.log)).rejects.toThrow(/webhook_cursor/);
    await audited.dataSource.query('alter table webhook_cursor_away rename to webhook_cursor');
    expect(await audited.move(target.log)).toMatchObject({ checkpoint: 2 });
    await audited.dataSource.query('update audit_leaves set moved_to = null');
    expect(await audited.move(target.log)).toMatchObject({ checkpoint: 2 });
    expect(await audited.tree.latestTreeHead()).toMatchObject({ number: 2 });
  });

  test('takes the place of each follower over: the event that it had come to', async () => {
    const { events } = await audited.log.read('workflow-b');
    const sql = (text: string) => audited.dataSource.query<Record<string, string>[]>(text);
    const at = (revision: number) => String(events[revision]!.position);
    await sql(`insert into projection_checkpoints (projection, position, updated_at)
               values ('workflow_events', ${at(1)}, now()), ('workflow_steps', 1000000, now()), ('new', 0, now())`);
    await sql(`insert into webhook_cursor (id, position, updated_at) values (1, ${at(3)}, now())`);
    await sql(`insert into projection_poison (projection, execution_id, position, revision, event_id, error, at)
               values ('workflow_steps', 'b', ${at(2)}, 2, 'x', 'e', now())`);
    await target.fill(audited.url);
    const { to } = (await audited.move(target.log))!;
    const now = (await target.log.read('workflow-b')).events.map(({ position }) => String(position));
    const checkpoints = await sql('select projection, position from projection_checkpoints order by projection');
    expect(checkpoints).toEqual([
      { projection: 'workflow_events', position: now[1] },
      // The checkpoint behind the last event is as far as the copy goes.
      { projection: 'workflow_steps', position: String(to + 1n) },
    ]);
    expect(await sql('select position from webhook_cursor')).toEqual([{ position: now[3] }]);
    expect(await sql('select position from projection_poison')).toEqual([{ position: now[2] }]);
  });

  test('is refused where the source was not signed to its end, and the copy says what to do', async () => {
    const source = await Server.connect('source', audited.url);
    expect((await nextSteps(source)).join()).toMatch(/^Next: .*npm run audit -- move/);
    await audited.append('workflow-a', 1);
    expect((await nextSteps(source)).join()).toMatch(/^NOTE: .* not signed.*Stop the application/);
    source.close();
    await target.fill(audited.url);
    const isNotInTree = { kinds: ['unsigned-move'], message: expect.stringMatching(/signed to its end.*copy again/) };
    expect(await refusal(target)).toEqual(isNotInTree);
    const signer = await openSigningKey(undefined, audited.directory);
    const sign = () => {
      throw new Error('no signature today');
    };
    const keeper = await audited.keeper({}, { signer: { ...signer, sign } });
    keeper.start();
    await eventually(async () => (await audited.tree.size()) === 11);
    await keeper.stop();
    const isNotSigned = { kinds: [], message: expect.stringMatching(/^11 events .* 10 of them .*copy again/) };
    expect(await refusal(target)).toEqual(isNotSigned);
  });
});

describe('without the key, a moved log cannot be', () => {
  const swap = `update eventstore.events set position = case position when $1 then $2::bigint + 1000 else $1::bigint + 1000 end
                where position = any(array[$1, $2]::bigint[])`;
  const settle = 'update eventstore.events set position = position - 1000 where position > 1000';
  const places = async () =>
    (await target.sql(`select position from eventstore.events where stream ^@ 'workflow-' order by position`)).map(
      ({ position }) => String(position),
    );

  beforeEach(async () => {
    await target.fill(audited.url);
    await audited.move(target.log);
  });

  test('reordered', async () => {
    const [, second, third] = await places();
    await target.sql(swap, [second, third]);
    await target.sql(settle);
    expect(await kindsOf()).toEqual(['reordered']);
  });

  test('given other times or places of recording', async () => {
    await target.sql(
      `update eventstore.events set metadata = convert_to(regexp_replace(convert_from(metadata, 'utf8'), '"recordedAt":"2', '"recordedAt":"1'), 'utf8')
       where stream = 'workflow-b' and revision = 1`,
    );
    expect(await kindsOf()).toEqual(['recorded-time-changed']);
    await target.sql(
      `update eventstore.events set metadata = convert_to(regexp_replace(convert_from(metadata, 'utf8'), '"position":"', '"position":"9'), 'utf8')
       where stream = 'workflow-a' and revision = 1`,
    );
    expect(await kindsOf()).toEqual(['reordered']);
  });

  test('edited, or cut', async () => {
    await target.sql(
      `update eventstore.events set data = convert_to(replace(convert_from(data, 'utf8'), 'step 1', 'step 9'), 'utf8')
       where stream = 'workflow-a' and revision = 1`,
    );
    expect(await kindsOf()).toEqual(['edited-data']);
    await target.sql(`delete from eventstore.events where stream = 'workflow-a'`);
    expect(await kindsOf()).toEqual(['removed-stream']);
  });

  test('added to by an event that says that it was moved', async () => {
    const data = { step: 'forged' };
    const metadata = { movedFrom: { position: '4', recordedAt: '2020-01-01T00:00:00.000Z' }, of: hashOf(data) };
    await target.client.appendToStream('workflow-z', jsonEvent({ type: 'StepCompleted', data, metadata }));
    expect(await kindsOf()).toEqual(['unsigned-move']);
    const keeper = await leadOn(target);
    await audited.signUpTo(keeper, 11);
    await keeper.stop();
    expect(await kindsOf()).toContain('unsigned-move');
  });

  test('passed off as moved where the record of the move was forged', async () => {
    await audited.append('workflow-a', 1, target.log);
    const other = await openTarget(5);
    try {
      await other.fill(target.url);
      const forged = (await audited.signedByHand())[0]!;
      const data = { ...forged.data, move: { from: '1' } };
      const { events } = await other.log.read('audit-checkpoints');
      await other.log.append(
        'audit-checkpoints',
        [{ ...forged, type: 'AuditLogMoved', data }],
        BigInt(events.length - 1),
      );
      expect(await kindsOf(other)).toEqual(expect.arrayContaining(['unsigned-move', 'checkpoint-signature']));
    } finally {
      await other.stop();
    }
  });
});

test('a copy in another order, or of another log, is refused, and nothing is signed', async () => {
  const source = await Server.connect('source', audited.url);
  const log = [];
  for await (const event of source.log()) log.push(event);
  source.close();
  await target.write(log);
  expect(await refusal(target)).toMatchObject({
    message: expect.stringMatching(/^Expected a copy/),
    kinds: ['reordered'],
  });
  expect(await audited.tree.latestTreeHead()).toMatchObject({ number: 1 });
});
