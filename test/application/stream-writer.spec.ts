import { CommandRejected } from '../../src/domain/decider.js';
import { linkOf } from '../../src/application/log/event-hash.js';
import {
  LogUnavailable,
  RevisionConflict,
  type ExpectedRevision,
  type NewEvent,
} from '../../src/application/log/event-log.js';
import { enveloped, type CommandContext } from '../../src/application/log/envelope.js';
import { readOn, remember, StreamWriter, type StreamFold } from '../../src/application/log/stream-writer.js';
import { InMemoryEventLog } from '../../src/testing/in-memory.event-log.js';
import { VirtualClock } from '../../src/testing/virtual-clock.js';

const STREAM = 'counter';
const LIMITS = { orderMs: 5_000, maximumRounds: 3, initialPauseMs: 100 };

type Fold = StreamFold & Readonly<{ count: number }>;
const unread: Fold = { revision: 'none', commands: [], link: null, count: 0 };

/** Before each append that is left to lose, a rival appends first. */
class ContestedLog extends InMemoryEventLog {
  losses = 0;
  readonly calls: string[] = [];
  override async read(stream: string, from?: bigint) {
    this.calls.push('read');
    return super.read(stream, from);
  }
  override async append(stream: string, events: readonly NewEvent[], expected: ExpectedRevision) {
    this.calls.push('append');
    if (this.losses-- > 0) {
      const rival = { id: `rival ${this.losses}`, type: 'Counted', data: {}, metadata: {} };
      await super.append(stream, [rival], expected);
    }
    return super.append(stream, events, expected);
  }
}

const setUp = () => {
  const log = new ContestedLog();
  const clock = new VirtualClock();
  const writer = new StreamWriter(log, clock, LIMITS);
  const fresh = () =>
    readOn(log, STREAM, unread, (fold, event): Fold => {
      const { commandId } = event.metadata as Readonly<{ commandId?: string }>;
      return {
        revision: event.revision,
        commands: commandId === undefined ? fold.commands : remember(fold.commands, commandId),
        link: linkOf(event),
        count: fold.count + 1,
      };
    });
  return { log, clock, writer, fresh };
};

const context = (commandId: string): CommandContext => ({
  commandId,
  at: new Date(0),
  actor: { type: 'user', id: 'u' },
  reason: null,
  causationId: null,
  traceparent: null,
});

const counted = (commandId: string) => {
  const belonging = { owner: STREAM, correlationId: STREAM, causationId: commandId };
  return { unchained: [enveloped({ type: 'Counted', data: {} }, context(commandId), 0, belonging)] };
};

describe('the stream writer', () => {
  test('spares the read where the caller has a fold', async () => {
    const { log, writer, fresh } = setUp();
    const written = await writer.write(STREAM, 'a', { cached: () => unread, fresh }, () => counted('a'));
    expect(log.calls).toEqual(['append']);
    expect(written.appended).toMatchObject({ revision: 0n, commands: ['a'] });
    expect(written.appended!.link).toBe(linkOf((await log.read(STREAM)).events[0]!));
  });

  test('decides again on a fresh fold where another writer was faster, under the same event ids', async () => {
    const { log, writer, fresh } = setUp();
    log.losses = 2;
    const seen: number[] = [];
    const written = await writer.write(STREAM, 'a', { cached: () => unread, fresh }, ({ count }) => {
      seen.push(count);
      return counted('a');
    });
    expect(seen).toEqual([0, 1, 2]);
    expect(log.calls).toEqual(['append', 'read', 'append', 'read', 'append']);
    expect(written.appended).toMatchObject({ revision: 2n, events: [{ id: counted('a').unchained[0]!.event.id }] });
  });

  test('gives up after the rounds that are allowed', async () => {
    const { log, writer, fresh } = setUp();
    log.losses = 3;
    await expect(writer.write(STREAM, 'a', { fresh }, () => counted('a'))).rejects.toBeInstanceOf(RevisionConflict);
    expect(log.calls.filter((call) => call === 'append')).toHaveLength(3);
  });

  test('believes a refusal, or a decision to do nothing, on a fresh fold only', async () => {
    const { log, writer, fresh } = setUp();
    const source = { cached: () => unread, fresh };
    await writer.write(STREAM, 'a', source, () => counted('a'));
    const decide = ({ count }: Fold) => {
      if (count === 0) throw new CommandRejected('Conflict', 'nothing is counted');
      return counted('b');
    };
    expect((await writer.write(STREAM, 'b', source, decide)).appended).toMatchObject({ revision: 1n });
    const idle = ({ count }: Fold) => (count === 0 ? { unchained: [] } : counted('c'));
    expect((await writer.write(STREAM, 'c', source, idle)).appended).toMatchObject({ revision: 2n });
    log.calls.length = 0;
    const refuse = () => {
      throw new CommandRejected('Conflict', 'never');
    };
    await expect(writer.write(STREAM, 'd', source, refuse)).rejects.toThrow('never');
    expect(log.calls).toEqual(['read']);
  });

  test('writes a repeated command once', async () => {
    const { log, writer, fresh } = setUp();
    await writer.write(STREAM, 'a', { fresh }, () => counted('a'));
    expect((await writer.write(STREAM, 'a', { fresh }, () => counted('a'))).appended).toBeNull();
    expect((await log.read(STREAM)).revision).toBe(0n);
  });

  test('reads as patiently as it appends, and says after the time of an order that nothing was written', async () => {
    const { log, clock, writer, fresh } = setUp();
    let isAway = true;
    const read = log.read.bind(log);
    log.read = (stream, from) => (isAway ? Promise.reject(new LogUnavailable('connection lost')) : read(stream, from));
    const first = writer.write(STREAM, 'a', { fresh }, () => counted('a'));
    await clock.pass(1_000);
    isAway = false;
    await clock.pass(1_000);
    expect((await first).appended).toMatchObject({ revision: 0n });
    isAway = true;
    const second = writer.write(STREAM, 'b', { fresh }, () => counted('b')).catch((error: unknown) => error);
    await clock.pass(5_000);
    expect(await second).toBeInstanceOf(LogUnavailable);
    isAway = false;
    await clock.pass(60_000);
    expect((await log.read(STREAM)).events).toHaveLength(1);
  });

  test('has the caller forget its fold where the log gave no clear answer, and not before', async () => {
    const { log, clock, writer, fresh } = setUp();
    let forgotten = 0;
    const source = { cached: () => unread, fresh, forget: () => forgotten++ };
    log.losses = 1;
    await writer.write(STREAM, 'a', source, () => counted('a'));
    expect(forgotten).toBe(0);
    log.append = () => Promise.reject(new LogUnavailable('not now'));
    const failed = writer.write(STREAM, 'b', source, () => counted('b')).catch((error: unknown) => error);
    await clock.pass(5_000);
    expect(await failed).toBeInstanceOf(LogUnavailable);
    expect(forgotten).toBe(1);
  });
});
