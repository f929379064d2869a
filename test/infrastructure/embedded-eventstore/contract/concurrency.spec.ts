/** A hundred clients at once, on one stream and on many, with subscribers that follow: one who keeps up, one who does not. */
import { EventStoreDBClient, WrongExpectedVersionError } from '@eventstore/db-client';
import { connect } from '../../../../src/infrastructure/eventstore/connect.js';
import { eventually } from '../../../support/eventually.js';
import { closeClient, collect, event, follow, isOwnNode, newStream, serverUnderTest } from '../server-under-test.js';

const CLIENTS = 100;
const APPENDS_EACH = 6;
const FILLING = 'x'.repeat(2_000);

/** The slow one has to be left behind by what fits into the memory of the node. */
const server = serverUnderTest({ maxTailEvents: 100 });
const clients: EventStoreDBClient[] = [];
afterAll(async () => {
  for (const client of clients) await closeClient(client);
});

/** A client of its own for each, as for those who write. */
function follower(prefix: string) {
  const client = connect(server.url);
  clients.push(client);
  return follow(client, prefix);
}

/** Appends at the revision that it has seen last, and looks again when someone else was faster. */
async function contend(client: EventStoreDBClient, stream: string, id: string): Promise<void> {
  for (;;) {
    const last = await collect(client.readStream(stream, { direction: 'backwards', fromRevision: 'end', maxCount: 1 }));
    const expectedRevision = last[0]?.event?.revision ?? 0n;
    try {
      await client.appendToStream(stream, event({ text: FILLING }, 'Contended', id), { expectedRevision });
      return;
    } catch (error) {
      if (!(error instanceof WrongExpectedVersionError)) throw error;
    }
  }
}

test('every acknowledged event has one place, and every subscriber sees each once and in order', async () => {
  const prefix = newStream('crowd');
  const [shared, contended] = [`${prefix}-shared`, `${prefix}-contended`];
  const first = event({}, 'Contended');
  await server.client.appendToStream(contended, first);
  const [quick, other, slow] = [follower(prefix), follower(prefix), follower(prefix)];
  await eventually(() => [quick, other, slow].every(({ marks }) => marks.includes('caught up')));
  slow.subscription().pause();

  const acknowledged: string[] = [first.id];
  await Promise.all(
    Array.from({ length: CLIENTS }, async (_, index) => {
      const client = connect(server.url);
      clients.push(client);
      for (let turn = 0; turn < APPENDS_EACH; turn++) {
        const added = [event({ text: FILLING }), event({ text: FILLING })];
        await client.appendToStream(shared, added[0]!);
        await client.appendToStream(`${prefix}-own-${index}`, added[1]!, {
          expectedRevision: turn === 0 ? 'no_stream' : BigInt(turn - 1),
        });
        acknowledged.push(...added.map(({ id }) => id));
      }
      if (index % 10 !== 0) return;
      const { id } = event();
      await contend(client, contended, id);
      acknowledged.push(id);
    }),
  );
  slow.subscription().resume();

  for (const { found: seen } of [quick, other, slow]) {
    await eventually(() => expect(seen).toHaveLength(acknowledged.length), { deadlineMs: 20_000 });
    expect(new Set(seen.map(({ id }) => id))).toEqual(new Set(acknowledged));
    expect(seen.every(({ position }, index) => index === 0 || position > seen[index - 1]!.position)).toBe(true);
    expect(seen).toEqual(quick.found);
  }
  const revisions = new Map<string, bigint[]>();
  for (const { stream, revision } of quick.found) revisions.set(stream, [...(revisions.get(stream) ?? []), revision]);
  expect(revisions.size).toBe(CLIENTS + 2);
  for (const [stream, found] of revisions) {
    expect(found).toEqual(found.map((_, index) => BigInt(index)));
    expect(await collect(server.client.readStream(stream))).toHaveLength(found.length);
  }
  if (isOwnNode) await eventually(() => expect(slow.marks).toEqual(['caught up', 'fell behind', 'caught up']));
});
