/** Expected revisions, repeated appends and deletes in any order, against a model that is too simple to be wrong. */
import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { collect, event, failing, serverUnderTest, ways } from '../server-under-test.js';

const server = serverUnderTest();

type Expected = 'any' | 'no_stream' | 'stream_exists' | number;
type Operation =
  | Readonly<{
      kind: 'append';
      stream: number;
      expected: Expected;
      fresh: number;
      again: number;
      from: number;
      way: number;
    }>
  | Readonly<{ kind: 'delete' | 'tombstone'; stream: number; expected: Expected }>;

/** One stream as it should be. */
class Model {
  readonly ids: string[] = [];
  visibleFrom = 0;
  state: 'open' | 'deleted' | 'tombstoned' = 'open';
  private hasMetadata = false;

  append(ids: readonly string[], expected: Expected): unknown {
    const refusal = this.refusal(expected);
    if (refusal === 'stream-deleted') return refusal;
    const reviving = this.state === 'deleted' && expected === 'no_stream';
    const begins =
      expected === 'no_stream' ? 0 : typeof expected === 'number' ? expected + 1 : this.ids.indexOf(ids[0] ?? '');
    const there = begins >= 0 ? this.ids.slice(begins, begins + ids.length) : [];
    if (there.length === ids.length && there.every((id, index) => id === ids[index])) return begins + ids.length - 1;
    if (typeof expected !== 'number' && expected !== 'no_stream' && there[0] === ids[0])
      return 'wrong-expected-version';
    if (refusal && !(reviving && there[0] !== ids[0])) return refusal;
    if (this.state === 'deleted') {
      this.visibleFrom = this.ids.length;
      this.state = 'open';
    }
    this.ids.push(...ids);
    return this.ids.length - 1;
  }

  /** Whether these would be written, and not be refused or be there already. */
  wouldWrite(ids: readonly string[], expected: Expected): boolean {
    const trial = Object.assign(new Model(), this, { ids: [...this.ids] });
    trial.append(ids, expected);
    return trial.ids.length > this.ids.length;
  }

  remove(kind: 'delete' | 'tombstone', expected: Expected): unknown {
    const refusal = this.refusal(expected);
    if (refusal && !(this.state === 'deleted' && expected === 'no_stream')) return refusal;
    if (kind === 'delete' && this.ids.length === 0 && !this.hasMetadata) return 'wrong-expected-version';
    this.state = kind === 'delete' ? 'deleted' : 'tombstoned';
    this.hasMetadata ||= kind === 'delete';
    return 'done';
  }

  read(): unknown {
    if (this.state === 'tombstoned') return 'stream-deleted';
    if (this.state === 'deleted' || this.ids.length === 0) return 'stream-not-found';
    return this.ids.slice(this.visibleFrom);
  }

  private refusal(expected: Expected): string | undefined {
    if (this.state === 'tombstoned') return 'stream-deleted';
    if (expected === 'any') return undefined;
    if (expected === 'stream_exists') {
      if (this.state === 'deleted') return 'stream-deleted';
      return this.ids.length > 0 || this.hasMetadata ? undefined : 'wrong-expected-version';
    }
    const wanted = expected === 'no_stream' ? -1 : expected;
    return wanted === this.ids.length - 1 ? undefined : 'wrong-expected-version';
  }
}

const STREAMS = 2;
const stream = fc.nat(STREAMS - 1);
const expected = fc.oneof(
  { weight: 3, arbitrary: fc.nat(3) },
  { weight: 3, arbitrary: fc.constantFrom<Expected>('any', 'no_stream', 'stream_exists') },
);
const operation: fc.Arbitrary<Operation> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      ...{ kind: fc.constant('append' as const), stream, expected },
      ...{
        fresh: fc.integer({ min: 0, max: 2 }),
        again: fc.nat(2),
        from: fc.nat(5),
        way: fc.nat({ max: ways.length - 1 }),
      },
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('delete' as const), stream, expected }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constantFrom('delete' as const, 'tombstone' as const), stream, expected }),
  },
);

test('the server answers and keeps what the model does', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(operation, { minLength: 1, maxLength: 20 }), async (operations) => {
      const names = Array.from({ length: STREAMS }, () => `model-${randomUUID()}`);
      const models = names.map(() => new Model());
      for (const one of operations) {
        const [name, model] = [names[one.stream] ?? '', models[one.stream] as Model];
        expect({ one, answer: await perform(name, model, one) }).toEqual({ one, answer: predict(model, one) });
      }
      for (const [index, name] of names.entries()) {
        const read = await collect(server.client.readStream(name)).then(
          (found) => found.map((item) => item.event?.id),
          (error: { type: string }) => error.type,
        );
        expect(read).toEqual(models[index]?.read());
      }
    }),
    { numRuns: 80 },
  );
}, 120_000);

const chosen = new WeakMap<Operation, string[]>();

/**
 * Some events that are in the stream already, then some that are nowhere. None is written a second time: of an id that
 * stands twice in a stream, `any` knows one place or the other, and which one is nobody's promise.
 */
function idsOf(model: Model, { from, again, fresh, expected }: Extract<Operation, { kind: 'append' }>): string[] {
  const unknown = Array.from({ length: fresh }, () => randomUUID());
  const known = model.ids.slice(from, from + again);
  const ids = model.wouldWrite([...known, ...unknown], expected) ? unknown : [...known, ...unknown];
  return ids.length > 0 ? ids : [randomUUID()];
}

async function perform(name: string, model: Model, one: Operation): Promise<unknown> {
  const expectedRevision = typeof one.expected === 'number' ? BigInt(one.expected) : one.expected;
  if (one.kind === 'append') {
    const ids = idsOf(model, one);
    chosen.set(one, ids);
    const added = ids.map((id) => event({}, 'Modelled', id));
    const answer = server.client.appendToStream(name, added, { expectedRevision, ...ways[one.way]![1] });
    return answer.then(
      ({ nextExpectedRevision }) => Number(nextExpectedRevision),
      (error: { type: string }) => error.type,
    );
  }
  // The client has no `stream_exists` for these two; it sends the number it is given.
  const options = { expectedRevision: expectedRevision === 'stream_exists' ? ('any' as const) : expectedRevision };
  const answer = await failing(
    one.kind === 'delete' ? server.client.deleteStream(name, options) : server.client.tombstoneStream(name, options),
  );
  return answer === 'no failure' ? 'done' : (answer as { type: string }).type;
}

function predict(model: Model, one: Operation): unknown {
  if (one.kind === 'append') return model.append(chosen.get(one) ?? [], one.expected);
  return model.remove(one.kind, one.expected === 'stream_exists' ? 'any' : one.expected);
}
