/** The bytes that are written by hand are those that the client's own classes read. */
import fc from 'fast-check';
import messages from '@eventstore/db-client/generated/streams_pb.js';
import { encodeReadEvent } from '../../../src/infrastructure/embedded-eventstore/wire/encode-event.js';
import type { StoredEvent } from '../../../src/infrastructure/embedded-eventstore/wire/records.js';
import { parseUuid } from '../../../src/infrastructure/embedded-eventstore/wire/events.js';

const DELETED = 2n ** 63n - 1n;
const number = fc.oneof(
  fc.constantFrom(0n, 1n, 127n, 128n, 2n ** 53n - 1n, 2n ** 53n, DELETED),
  fc.bigInt({ min: 0n, max: DELETED }),
);
const bytes = fc.oneof(fc.uint8Array({ maxLength: 300 }), fc.constant(new Uint8Array(70_000).fill(7)));
const stored: fc.Arbitrary<StoredEvent> = fc.record({
  ...{ id: fc.uuid(), type: fc.string({ unit: 'grapheme' }), json: fc.boolean(), data: bytes, metadata: bytes },
  ...{
    stream: fc.string({ unit: 'grapheme', minLength: 1 }),
    revision: number,
    position: number,
    created: fc.nat({ max: 4e12 }),
  },
});

test('any event, alone, as a link, or with its link', () => {
  fc.assert(
    fc.property(
      fc.option(stored, { nil: undefined }),
      fc.option(stored, { nil: undefined }),
      fc.boolean(),
      (event, link, structured) => {
        fc.pre(event !== undefined || link !== undefined);
        const read = messages.ReadResp.deserializeBinary(encodeReadEvent({ event, link }, structured)).getEvent();
        const position = ((link ?? event)?.position ?? 0n).toString();
        expect(read?.getCommitPosition()).toBe(position);
        for (const [wanted, found] of [
          [event, read?.getEvent()],
          [link, read?.getLink()],
        ] as const) {
          expect(found === undefined).toBe(wanted === undefined);
          if (!wanted || !found) continue;
          expect(parseUuid(found.getId() as never)).toBe(wanted.id);
          expect(found.getId()?.hasStructured()).toBe(structured);
          expect(Buffer.from(found.getStreamIdentifier()?.getStreamName_asU8() ?? []).toString()).toBe(wanted.stream);
          expect(found.getStreamRevision()).toBe(wanted.revision.toString());
          const own = wanted.position.toString();
          expect([found.getCommitPosition(), found.getPreparePosition()]).toEqual([own, own]);
          expect(Object.fromEntries(found.getMetadataMap().toArray())).toEqual({
            ...{ type: wanted.type, created: (BigInt(wanted.created) * 10_000n).toString() },
            'content-type': wanted.json ? 'application/json' : 'application/octet-stream',
          });
          expect(Buffer.from(found.getData_asU8()).equals(wanted.data)).toBe(true);
          expect(Buffer.from(found.getCustomMetadata_asU8()).equals(wanted.metadata)).toBe(true);
        }
      },
    ),
    { numRuns: 300 },
  );
});
