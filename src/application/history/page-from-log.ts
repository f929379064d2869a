import { executionIdOf } from '../../domain/workflow/index.js';
import { mustListen } from '../runtime/errors.js';
import type { PageAsked, RecordedEvent } from '../log/event-log.js';
import type { Histories } from '../workflow/histories.js';
import type { EventsAsked, EventView } from '../queries/read-model.js';
import { metadataIfOurs } from '../projections/projection.js';
import { eventRow } from '../projections/workflow-events.projection.js';

/** A recorded event as the API shows it, as the table has it; also one that no projection can take. */
export const eventView = (recorded: RecordedEvent): EventView =>
  eventRow(executionIdOf(recorded.stream), recorded, metadataIfOurs(recorded.metadata));

/** How much of a history one request may cost. */
export const HISTORY_LIMITS = {
  /** Events of one read of the log. */
  readEvents: 500,
  /** Events that one page looks at, where it takes only some types: it ends there, with a cursor. */
  scannedEvents: 10_000,
  /** Events that are folded for one answer. A stream holds no more: the log would not read it whole either. */
  foldedEvents: 100_000,
};

/** `next`: the revision after which (in the order asked for) the history goes on; null where it ends with this page. */
export type EventsPage = Readonly<{ events: readonly EventView[]; next: bigint | null }>;

/** The largest revision there can be: nothing comes after it. */
const LARGEST = 2n ** 63n - 1n;

/** Reads on until the page is full, the history ends, or so many events were looked at that the rest is for the next page. @throws HistoryDamaged */
export const pageFromLog = async (
  histories: Histories,
  executionId: string,
  asked: EventsAsked,
  signal?: AbortSignal,
): Promise<EventsPage> => {
  const { order, afterRevision, beforeRevision, types, limit } = asked;
  // A page from the middle does not show whether the history has its beginning.
  if (order === 'desc' || afterRevision !== null) await histories.begins(executionId);
  const isIn = ({ revision }: RecordedEvent) =>
    (afterRevision === null || revision > afterRevision) && (beforeRevision === null || revision < beforeRevision);
  const events: EventView[] = [];
  let [place, scanned] = [startOf(asked), 0];
  while (place !== null) {
    mustListen(signal);
    // One more than fits, to know whether there is more.
    const most = types === null ? limit - events.length + 1 : HISTORY_LIMITS.readEvents;
    const page: PageAsked = { ...place, limit: Math.min(most, HISTORY_LIMITS.readEvents) };
    const read = await histories.page(executionId, page);
    for (const recorded of read) {
      if (!isIn(recorded)) return { events, next: null };
      if (events.length === limit || scanned === HISTORY_LIMITS.scannedEvents) {
        return { events, next: order === 'asc' ? recorded.revision - 1n : recorded.revision + 1n };
      }
      scanned += 1;
      if (types === null || types.includes(recorded.type)) events.push(eventView(recorded));
    }
    place = read.length < page.limit ? null : placeAfter(order, read.at(-1)!.revision);
  }
  return { events, next: null };
};

type Place = Readonly<{ direction: 'forwards'; from: bigint } | { direction: 'backwards'; from: bigint | 'end' }>;

/** Backwards it begins at the end, or at an event that an earlier page has shown to be there. */
const startOf = ({ order, afterRevision, beforeRevision }: EventsAsked): Place | null => {
  if (order === 'asc') {
    if (afterRevision !== null && afterRevision >= LARGEST) return null;
    return { direction: 'forwards', from: afterRevision === null ? 0n : afterRevision + 1n };
  }
  if (beforeRevision === null) return { direction: 'backwards', from: 'end' };
  return beforeRevision === 0n ? null : { direction: 'backwards', from: beforeRevision - 1n };
};

const placeAfter = (order: EventsAsked['order'], revision: bigint): Place | null => {
  if (order === 'asc') return { direction: 'forwards', from: revision + 1n };
  return revision === 0n ? null : { direction: 'backwards', from: revision - 1n };
};
