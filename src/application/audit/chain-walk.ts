import { eventHash, type ChainLink } from '../log/event-hash.js';
import { type RecordedEvent, isTombstone, StreamTombstoned, type EventLog } from '../log/event-log.js';
import type { Finding, FindingKind } from './finding.js';
import { presentLog } from './audited-log.js';

/** `hashed`: an event up to here carried a hash of its own. */
type Last = Readonly<{ revision: bigint; link: string; hashed: boolean }>;

/** Events without a hash of their own: of earlier versions, of other programs, or put there by hand. */
export type Unhashed = Readonly<{
  count: number;
  first: Place;
}>;

type Place = Readonly<Pick<RecordedEvent, 'position' | 'stream' | 'revision'>>;

/** Checks each event against itself and the one before it in its stream. Some 200 bytes of memory for each stream. */
export class ChainWalk {
  private readonly streams = new Map<string, Last>();
  /** Null where there is none. */
  unhashed: Unhashed | null = null;

  get count(): number {
    return this.streams.size;
  }

  /** The events of a stream in the order of the log. */
  step(event: RecordedEvent): Finding | undefined {
    return this.linked(event, eventHash(event), event.metadata ?? {});
  }

  /**
   * @param hash what `eventHash` makes of the event
   * @param link as the event carries it
   */
  linked(event: Place, hash: string, { hash: own, previousHash }: Partial<ChainLink>): Finding | undefined {
    const { stream, revision, position } = event;
    const before = this.streams.get(stream);
    this.streams.set(stream, { revision, link: own ?? hash, hashed: own !== undefined || !!before?.hashed });
    if (own === undefined)
      this.unhashed = {
        count: (this.unhashed?.count ?? 0) + 1,
        first: this.unhashed?.first ?? { position, stream, revision },
      };
    const expected = before ? before.revision + 1n : 0n;
    const found = (kind: FindingKind, at: bigint, what: string): Finding => ({
      ...{ kind, stream, position, what },
      ...{ revision: at, checkpoint: null },
    });
    if (revision > expected)
      return found('deleted-event', expected, `Revision ${expected} is missing: after it comes ${revision}`);
    if (revision < expected)
      return found(
        'inserted-event',
        revision,
        `Revision ${revision} comes again, or too late: ${expected} was expected`,
      );
    if (own === undefined) {
      if (!before?.hashed) return undefined; // of an earlier version: the next event names it
      return found(
        'inserted-event',
        revision,
        'It has no hash, though one before it has: this application did not write it',
      );
    }
    if (own !== hash) return found('edited-event', revision, 'Its content has not the hash that it carries');
    if (previousHash === (before?.link ?? null)) return undefined;
    const what = `It names another event before it: revision ${revision - 1n} is not what it was, or this one is new`;
    return found('broken-link', revision, what);
  }
}

/** Streams that were ended for ever. This application never does that; each is a finding of its own, and hides no other. */

/** Listed one by one; the rest is counted. */
const MOST = 1_000;

export class Tombstones {
  readonly findings: Finding[] = [];

  /** @returns whether the event is one */
  step(event: Pick<RecordedEvent, 'type' | 'stream' | 'position'>): boolean {
    if (!isTombstone(event)) return false;
    if (this.findings.length < MOST) this.findings.push(tombstoned(event.stream, event.position));
    return true;
  }
}

const tombstoned = (stream: string, position: bigint | null): Finding => ({
  ...{ kind: 'stream-tombstoned', position, stream, revision: null, checkpoint: null },
  what: 'The stream was tombstoned, which this application never does: it can be neither read nor written any more',
});

/** Those of streams that are not in the tree. */
export const tombstonesOf = async (log: EventLog, prefix: string): Promise<readonly Finding[]> => {
  const tombstones = new Tombstones();
  for await (const event of presentLog(log, prefix)) tombstones.step(event);
  return tombstones.findings;
};

type Read = Readonly<{ events: readonly RecordedEvent[]; tombstone: Finding | null }>;

/** The events of a stream, as far as they can be read. */
export const readPresent = async (log: EventLog, stream: string): Promise<Read> => {
  try {
    const { events } = await log.read(stream);
    const end = events.find(isTombstone);
    return {
      events: events.filter((event) => !isTombstone(event)),
      tombstone: end ? tombstoned(stream, end.position) : null,
    };
  } catch (error) {
    if (!(error instanceof StreamTombstoned)) throw error;
    return { events: [], tombstone: tombstoned(stream, null) };
  }
};
