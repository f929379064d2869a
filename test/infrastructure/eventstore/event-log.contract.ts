/** What every EventLog must do. Given a fresh or a used log alike: each test writes to streams of its own. */
import { randomUUID } from 'node:crypto';
import {
  RevisionConflict,
  type EventLog,
  type SubscriptionMessage,
  type NewEvent,
  type PageAsked,
} from '../../../src/application/log/event-log.js';
import { eventually } from '../../support/eventually.js';

export function describeEventLog(name: string, open: () => EventLog): void {
  const event = (data: NewEvent['data'] = {}, id = randomUUID()): NewEvent => ({
    id,
    type: 'Happened',
    data,
    metadata: { by: 'test' },
  });
  const events = (count: number) => Array.from({ length: count }, (_, index) => event({ index }));
  const newStream = (prefix = 'contract-') => `${prefix}${randomUUID()}`;

  describe(`${name} as an event log`, () => {
    describe('the whole log', () => {
      test('ends where the last append put its last event', async () => {
        const [log, stream] = [open(), newStream()];
        const { position } = await log.append(stream, events(3), 'none');
        expect(await log.head()).toBe(position);
      });

      test('is read in pages, after a position, whatever the streams are', async () => {
        const [log, one, other] = [open(), newStream(), newStream('another-')];
        const { position: before } = await log.append(newStream(), events(1), 'none');
        await log.append(one, events(2), 'none');
        const { position: last } = await log.append(other, events(1), 'none');
        const all = await log.page(before, 10);
        expect(all.map(({ stream, revision }) => [stream, revision])).toEqual([
          [one, 0n],
          [one, 1n],
          [other, 0n],
        ]);
        expect(await log.page(before, 2)).toEqual(all.slice(0, 2));
        expect(await log.page(all[1]!.position, 10)).toEqual(all.slice(2));
        expect(await log.page(last, 10)).toEqual([]);
        expect(await log.page('start', 1)).toHaveLength(1);
      });
    });

    test('an event is found by its position, and by no other', async () => {
      const [log, stream] = [open(), newStream()];
      const { position } = await log.append(stream, events(2), 'none');
      const [first, second] = (await log.read(stream)).events;
      expect(await log.at(first!.position)).toEqual(first);
      expect(await log.at(position)).toEqual(second);
      expect(await log.at(position + 1n)).toBe('none');
    });

    describe('reading', () => {
      test('a stream that does not exist is empty and has no revision', async () => {
        expect(await open().read(newStream())).toEqual({ events: [], revision: 'none' });
      });

      test('gives back what was written, in order, with revisions from 0 and growing positions', async () => {
        const [log, stream, before] = [open(), newStream(), new Date(Date.now() - 1_000)];
        const written = [
          event({ text: 'größer 漢字 🚀', list: [1, null, true, { deep: [] }] }),
          event(null),
          event('text'),
          event(3.25),
        ];
        await log.append(stream, written, 'none');
        const { events: read, revision } = await log.read(stream);
        expect(revision).toBe(3n);
        expect(read.map(({ id, type, data, metadata }) => ({ id, type, data, metadata }))).toEqual(written);
        expect(read.map((one) => one.revision)).toEqual([0n, 1n, 2n, 3n]);
        expect(
          read.every((one) => one.stream === stream && one.recordedAt > before && one.recordedAt <= new Date()),
        ).toBe(true);
        read.slice(1).forEach((one, index) => expect(one.position).toBeGreaterThan(read[index]?.position ?? 0n));
      });

      test('from a revision gives that event and the later ones; from beyond the end none, and still the revision', async () => {
        const [log, stream] = [open(), newStream()];
        await log.append(stream, events(5), 'none');
        expect((await log.read(stream, 3n)).events.map((one) => one.revision)).toEqual([3n, 4n]);
        expect(await log.read(stream, 5n)).toEqual({ events: [], revision: 4n });
        expect(await log.read(stream, 50n)).toEqual({ events: [], revision: 4n });
      });

      test('a long stream is read whole', async () => {
        const [log, stream] = [open(), newStream()];
        await log.append(stream, events(600), 'none');
        await log.append(stream, events(600), 599n);
        const { events: read, revision } = await log.read(stream);
        expect(revision).toBe(1_199n);
        expect(read.map((one) => one.revision)).toEqual(Array.from({ length: 1_200 }, (_, index) => BigInt(index)));
      });

      test('a page holds at most so many events, forwards or backwards, and fewer only where the stream ends', async () => {
        const [log, stream] = [open(), newStream()];
        await log.append(stream, events(600), 'none');
        await log.append(stream, events(600), 599n);
        const revisions = async (page: PageAsked) =>
          (await log.readPage(stream, page)).map((one) => Number(one.revision));
        const upFrom = (first: number, count: number) => Array.from({ length: count }, (_, index) => first + index);
        const forwards = (from: bigint, limit: number) => revisions({ direction: 'forwards', from, limit });
        const backwards = (from: bigint | 'end', limit: number) => revisions({ direction: 'backwards', from, limit });
        expect(await forwards(0n, 3)).toEqual([0, 1, 2]);
        expect(await forwards(1_198n, 3)).toEqual([1_198, 1_199]);
        expect(await forwards(1_200n, 3)).toEqual([]);
        expect(await forwards(9n, 1_100)).toEqual(upFrom(9, 1_100));
        expect(await backwards('end', 2)).toEqual([1_199, 1_198]);
        expect(await backwards(1n, 3)).toEqual([1, 0]);
        expect(await backwards(0n, 1)).toEqual([0]);
        expect(await backwards(1_100n, 1_050)).toEqual(upFrom(51, 1_050).reverse());
        expect(await backwards('end', 5_000)).toEqual(upFrom(0, 1_200).reverse());
        const [read] = await log.readPage(stream, { direction: 'backwards', from: 7n, limit: 1 });
        expect(read).toEqual((await log.read(stream, 7n)).events[0]);
      });

      test('a page of a stream that does not exist is empty', async () => {
        const [log, stream] = [open(), newStream()];
        expect(await log.readPage(stream, { direction: 'forwards', from: 0n, limit: 5 })).toEqual([]);
        expect(await log.readPage(stream, { direction: 'backwards', from: 'end', limit: 5 })).toEqual([]);
      });

      test('what is read belongs to the reader', async () => {
        const [log, stream] = [open(), newStream()];
        await log.append(stream, [event({ list: [1] })], 'none');
        const first = (await log.read(stream)).events[0]?.data as { list: number[] };
        first.list.push(2);
        expect((await log.read(stream)).events[0]?.data).toEqual({ list: [1] });
      });
    });

    describe('appending', () => {
      test('answers the revision and the position of the last event', async () => {
        const [log, stream] = [open(), newStream()];
        const first = await log.append(stream, events(2), 'none');
        const second = await log.append(stream, events(1), 1n);
        expect([first.revision, second.revision]).toEqual([1n, 2n]);
        const { events: read } = await log.read(stream);
        expect([read[1]?.position, read[2]?.position]).toEqual([first.position, second.position]);
      });

      test('at another revision than expected writes nothing and says what the revision is', async () => {
        const [log, stream] = [open(), newStream()];
        const conflict = async (expected: bigint | 'none') =>
          log.append(stream, events(1), expected).then(
            () => 'written',
            (error: unknown) => error,
          );
        expect(await conflict(0n)).toMatchObject({ stream, expected: 0n, actual: 'none' });
        await log.append(stream, events(3), 'none');
        for (const expected of ['none', 0n, 1n, 3n] as const) {
          const error = await conflict(expected);
          expect(error).toBeInstanceOf(RevisionConflict);
          expect(error).toMatchObject({ stream, expected, actual: 2n });
        }
        expect((await log.read(stream)).revision).toBe(2n);
      });

      test('of two appends at once on the same revision one is written, the other conflicts', async () => {
        const [log, stream] = [open(), newStream()];
        const outcomes = await Promise.allSettled(
          Array.from({ length: 10 }, (_, index) => log.append(stream, [event({ index })], 'none')),
        );
        expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
        for (const outcome of outcomes)
          if (outcome.status === 'rejected') expect(outcome.reason).toBeInstanceOf(RevisionConflict);
        expect((await log.read(stream)).revision).toBe(0n);
      });

      test('repeated with the same ids and expected revision is written once and answered the same, later too', async () => {
        const [log, stream] = [open(), newStream()];
        const [one, two] = [events(2), events(1)];
        const first = await log.append(stream, one, 'none');
        expect(await log.append(stream, one, 'none')).toEqual(first);
        const second = await log.append(stream, two, 1n);
        await log.append(stream, events(3), 2n);
        expect(await log.append(stream, one, 'none')).toEqual(first);
        expect(await log.append(stream, two, 1n)).toEqual(second);
        expect((await log.read(stream)).revision).toBe(5n);
      });

      test('repeated in part, or with more, or at another revision, conflicts', async () => {
        const [log, stream] = [open(), newStream()];
        const one = events(2);
        await log.append(stream, one, 'none');
        const [first, last] = one as [NewEvent, NewEvent];
        await expect(log.append(stream, [first, event()], 'none')).rejects.toBeInstanceOf(RevisionConflict);
        await expect(log.append(stream, [...one, event()], 'none')).rejects.toBeInstanceOf(RevisionConflict);
        await expect(log.append(stream, [last], 'none')).rejects.toBeInstanceOf(RevisionConflict);
        await expect(log.append(stream, [first], 5n)).rejects.toBeInstanceOf(RevisionConflict);
        expect(await log.append(stream, [first], 'none')).toMatchObject({ revision: 0n });
        expect((await log.read(stream)).revision).toBe(1n);
      });

      test('of more than 1 MiB is refused for good', async () => {
        const [log, stream] = [open(), newStream()];
        await expect(log.append(stream, [event({ text: 'x'.repeat(1024 * 1024) })], 'none')).rejects.toMatchObject({
          reason: 'too-large',
        });
        await log.append(stream, [event({ text: 'x'.repeat(900 * 1024) })], 'none');
        expect((await log.read(stream)).revision).toBe(0n);
      });

      test('of no events is a mistake of the caller', async () => {
        await expect(open().append(newStream(), [], 'none')).rejects.toBeInstanceOf(RangeError);
      });
    });

    describe('subscribing', () => {
      test('gives the events of matching streams only, in log order, says when it has caught up, and goes on live', async () => {
        const [log, prefix] = [open(), newStream('sub-')];
        await log.append(`${prefix}-a`, events(2), 'none');
        await log.append(newStream('other-'), events(2), 'none');
        await log.append(`${prefix}-b`, events(1), 'none');
        const heard = listen(log, prefix, 'start');
        await eventually(() => heard.signals.some(({ kind }) => kind === 'caught-up'));
        expect(heard.places()).toEqual([`${prefix}-a 0`, `${prefix}-a 1`, `${prefix}-b 0`]);
        await log.append(newStream('other-'), events(1), 'none');
        await log.append(`${prefix}-a`, events(1), 1n);
        await eventually(() => expect(heard.places()).toHaveLength(4));
        expect(heard.places().at(-1)).toBe(`${prefix}-a 2`);
        const positions = heard.events().map(({ position }) => position);
        expect(positions).toEqual([...positions].sort((a, b) => Number(a - b)));
        expect(heard.events()).toEqual(
          [...(await log.read(`${prefix}-a`)).events, ...(await log.read(`${prefix}-b`)).events].sort((a, b) =>
            Number(a.position - b.position),
          ),
        );
        await heard.stop();
      });

      test('after a position begins with the next event', async () => {
        const [log, prefix] = [open(), newStream('sub-')];
        const { position } = await log.append(`${prefix}-a`, events(3), 'none');
        await log.append(`${prefix}-b`, events(2), 'none');
        const heard = listen(log, prefix, position);
        await eventually(() => expect(heard.places()).toEqual([`${prefix}-b 0`, `${prefix}-b 1`]));
        await heard.stop();
      });

      test('checkpoints tell how far the log was searched, and never pass an event that is still to come', async () => {
        const [log, prefix] = [open(), newStream('sub-')];
        const { position: from } = await log.append(`${prefix}-a`, events(1), 'none');
        const heard = listen(log, prefix, from);
        const { position } = await log.append(newStream('other-'), events(100), 'none');
        await eventually(() =>
          heard.signals.some((one) => one.kind === 'checkpoint' && one.position > from && one.position <= position),
        );
        await log.append(`${prefix}-a`, events(1), 0n);
        await eventually(() => expect(heard.places()).toEqual([`${prefix}-a 1`]));
        let reached = 0n;
        for (const one of heard.signals) {
          if (one.kind === 'event') expect(one.event.position).toBeGreaterThan(reached);
          if (one.kind === 'checkpoint') reached = one.position;
        }
        await heard.stop();
      });

      test('two subscribers, one of them slow, get the same events while appends go on', async () => {
        const [log, prefix] = [open(), newStream('sub-')];
        const fast = listen(log, prefix, 'start');
        const slow = listen(log, prefix, 'start', 2);
        for (let batch = 0; batch < 20; batch += 1) {
          await log.append(`${prefix}-${batch}`, events(20), 'none');
        }
        await eventually(() => expect(fast.events()).toHaveLength(400));
        await eventually(() => expect(slow.events()).toHaveLength(400));
        expect(slow.places()).toEqual(fast.places());
        await fast.stop();
        await slow.stop();
      });

      test('ends quietly on its signal, at once or before it has begun', async () => {
        const log = open();
        const heard = listen(log, newStream('sub-'), 'start');
        await eventually(() => heard.signals.some(({ kind }) => kind === 'caught-up'));
        await heard.stop();
        const over = new AbortController();
        over.abort();
        for await (const _ of log.subscribe({ prefix: 'sub-', after: 'start', signal: over.signal }))
          throw new Error('heard something');
      });
    });
  });
}

/** A subscriber that keeps what it hears; `pauseMs` makes it slow. */
export function listen(log: EventLog, prefix: string, after: bigint | 'start', pauseMs = 0) {
  const over = new AbortController();
  const signals: SubscriptionMessage[] = [];
  const done = (async () => {
    for await (const signal of log.subscribe({ prefix, after, signal: over.signal })) {
      signals.push(signal);
      if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  })();
  done.catch(() => undefined);
  const events = () => signals.flatMap((one) => (one.kind === 'event' ? [one.event] : []));
  return {
    signals,
    events,
    places: () => events().map(({ stream, revision }) => `${stream} ${revision}`),
    /** Resolves when the subscription has ended, and throws what it threw. */
    done,
    stop: async () => {
      over.abort();
      await done;
    },
  };
}
