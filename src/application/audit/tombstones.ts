/** Streams that were ended for ever. This application never does that; each is a finding of its own, and hides no other. */
import { isTombstone, StreamTombstoned, type EventLog, type RecordedEvent } from '../log/event-log.js';
import type { Finding } from './finding.js';
import { presentLog } from './audited-log.js';

/** Listed one by one; the rest is counted. */
const MOST = 1_000;

export class Tombstones {
  readonly findings: Finding[] = [];

  /** @returns whether the event is one */
  step(event: RecordedEvent): boolean {
    if (!isTombstone(event)) return false;
    if (this.findings.length < MOST) this.findings.push(tombstoned(event.stream, event.position));
    return true;
  }
}

export const tombstoned = (stream: string, position: bigint | null): Finding => ({
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
