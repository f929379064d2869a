/** Whatever the order in which rows are committed, told, read, taken and clients cut off: nothing is lost or repeated. */
import fc from 'fast-check';
import type { LiveStream } from '../../../src/application/live/live-stream.js';
import type { EventView } from '../../../src/application/queries/read-model.js';
import { eventRow, HeldSink, liveWorld, settle } from './live-world.js';

const EXECUTIONS = ['a', 'b', 'c'];

type Step = Readonly<
  | { do: 'append'; execution: number }
  | { do: 'tell'; count: number }
  | { do: 'read' }
  | { do: 'lose' }
  | { do: 'reconnect' }
  | { do: 'take'; on: boolean }
  | { do: 'hold'; execution: number }
  | { do: 'heal'; execution: number }
  | { do: 'wait' }
>;

const execution = fc.nat({ max: EXECUTIONS.length - 1 });
const calm: fc.Arbitrary<Step>[] = [
  fc.record({ do: fc.constant('append' as const), execution }),
  fc.record({ do: fc.constant('append' as const), execution }),
  fc.record({ do: fc.constant('tell' as const), count: fc.integer({ min: 1, max: 4 }) }),
  fc.constant({ do: 'read' }),
  fc.constant({ do: 'read' }),
  fc.constant({ do: 'reconnect' }),
  fc.record({ do: fc.constant('take' as const), on: fc.boolean() }),
  fc.constant({ do: 'wait' }),
];
const rough: fc.Arbitrary<Step>[] = [
  ...calm,
  fc.constant({ do: 'lose' }),
  fc.record({ do: fc.constant('hold' as const), execution }),
  fc.record({ do: fc.constant('heal' as const), execution }),
];
const LIMITS = { pageEvents: 2, waitingEvents: 3, queuedEvents: 6, batchEvents: 2, rememberedExecutions: 2 };

/** One client that comes again whenever it is cut off, and what it was sent in all. */
const play = async (steps: readonly Step[], executionId: string | null) => {
  const { changes, source, streams, clock, hub, errors } = liveWorld(LIMITS);
  const revisions = new Map<string, number>();
  const heldBack = new Map<string, EventView[]>();
  const sinks: HeldSink[] = [];
  let stream: LiveStream;
  let running: Promise<unknown>;
  let position = 0;

  const commit = (row: EventView, isLate: boolean) => {
    source.commit(row, isLate);
    changes.untold.push({ row, late: isLate });
  };
  const append = (id: string) => {
    const revision = (revisions.get(id) ?? -1) + 1;
    revisions.set(id, revision);
    position += 1;
    source.passed = BigInt(position);
    const row = eventRow(id, revision, position);
    const waiting = heldBack.get(id);
    if (waiting) waiting.push(row);
    else commit(row, false);
  };
  const heal = (id: string) => {
    const row = heldBack.get(id)?.shift();
    if (row) commit(row, true);
    if (heldBack.get(id)?.length === 0) heldBack.delete(id);
  };
  const connect = async (cursor: bigint | null) => {
    const sink = new HeldSink();
    sinks.push(sink);
    stream =
      executionId === null
        ? streams.ofMany({}, sink)
        : streams.ofOne(executionId, () => source.overview(executionId), sink);
    running = stream.run(cursor, null);
  };
  const leave = async () => {
    let isOver = false;
    void running.then(() => (isOver = true));
    sinks.at(-1)!.leave();
    stream.stop();
    while (!isOver) {
      for (const answer of source.held.splice(0)) answer();
      await settle();
    }
  };
  const reconnect = async () => {
    await leave();
    await connect(sinks.flatMap(({ messages }) => messages).at(-1)?.id ?? null);
  };
  const act = async (step: Step): Promise<void> => {
    switch (step.do) {
      case 'append':
        return append(EXECUTIONS[step.execution]!);
      case 'tell':
        return changes.tell(step.count);
      case 'read':
        return source.held.shift()?.();
      case 'lose':
        return changes.lose();
      case 'reconnect':
        return reconnect();
      case 'take':
        return sinks.at(-1)!.take(step.on);
      case 'hold': {
        const id = EXECUTIONS[step.execution]!;
        if (!heldBack.has(id)) heldBack.set(id, []);
        return;
      }
      case 'heal':
        return heal(EXECUTIONS[step.execution]!);
      case 'wait':
        return settle();
    }
  };

  for (const id of EXECUTIONS) append(id);
  await connect(null);
  for (const step of steps) {
    await act(step);
    await Promise.resolve();
  }
  // In the end everything is told, read and taken, and the tables are looked at once more.
  source.holding = false;
  for (const id of EXECUTIONS) while (heldBack.has(id)) heal(id);
  for (let round = 0; round < 4; round++) {
    while (source.held.length > 0) source.held.shift()!();
    sinks.at(-1)!.take(true);
    changes.tell(Infinity);
    await clock.pass(5_000);
    await settle();
  }
  await settle();
  await leave();
  await hub.stop();
  return { messages: sinks.flatMap(({ messages }) => messages), revisions, errors };
};

type Played = Awaited<ReturnType<typeof play>>;

/** What a client knows that applies what it is sent. @returns what it was sent although it knew it */
const apply = ({ messages }: Played, only: string | null) => {
  const known = new Map<string, number>();
  const repeated: string[] = [];
  for (const message of messages) {
    if (message.kind === 'snapshot') {
      const { executions, execution: one } = message.data as Record<string, unknown>;
      for (const { id, revision } of (executions ?? [one]) as { id: string; revision: string }[]) {
        expect(Number(revision)).toBeGreaterThanOrEqual(known.get(id) ?? -1);
        known.set(id, Number(revision));
      }
    } else if (message.kind !== 'end') {
      const { execution_id: id, revision } = message.event.event;
      if (only !== null) expect(id).toBe(only);
      if (Number(revision) <= (known.get(id) ?? -1)) repeated.push(message.event.event.id);
      else {
        expect({ id, revision: Number(revision) }).toEqual({ id, revision: (known.get(id) ?? -1) + 1 });
        known.set(id, Number(revision));
      }
    }
  }
  return { known, repeated };
};

const idsRise = ({ messages }: Played) => {
  messages.forEach(({ id }, index) => expect(id).toBeGreaterThanOrEqual(messages[index - 1]?.id ?? 0n));
};

test('of one execution each revision is sent once, in order, whatever happens', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.oneof(...rough), { minLength: 5, maxLength: 60 }), async (steps) => {
      const played = await play(steps, 'a');
      const { known, repeated } = apply(played, 'a');
      expect(repeated).toEqual([]);
      expect(known.get('a')).toBe(played.revisions.get('a'));
      idsRise(played);
      expect(played.messages.filter(({ kind }) => kind === 'snapshot')).toHaveLength(1);
      expect(played.errors).toEqual([]);
    }),
    { numRuns: 300 },
  );
}, 40_000);

test('of many executions each event is sent once while nothing is held back', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.oneof(...calm), { minLength: 5, maxLength: 60 }), async (steps) => {
      const played = await play(steps, null);
      const { known, repeated } = apply(played, null);
      expect(repeated).toEqual([]);
      expect(known).toEqual(played.revisions);
      idsRise(played);
      expect(played.messages.filter(({ kind }) => kind === 'snapshot')).toHaveLength(1);
    }),
    { numRuns: 300 },
  );
}, 40_000);

/** Steps with which a client once got an event without the one before it. */
const once: readonly Step[][] = [
  [
    { do: 'hold', execution: 2 },
    ...([2, 0, 2] as const).map((each): Step => ({ do: 'append', execution: each })),
    ...(['lose', 'read', 'wait', 'reconnect', 'read'] as const).map((what): Step => ({ do: what })),
  ],
];

test('of many executions nothing is lost either where some are held back and healed, and ids do not go back', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.oneof(...rough), { minLength: 5, maxLength: 60 }), async (steps) => {
      const played = await play(steps, null);
      const { known } = apply(played, null);
      expect(known).toEqual(played.revisions);
      idsRise(played);
    }),
    { numRuns: 500, examples: once.map((steps) => [steps]) },
  );
}, 40_000);
