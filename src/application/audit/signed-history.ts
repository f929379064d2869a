/** What an execution's history has to say to who reviews or signs it. */
import { actsIn, type Act, type Duty } from '../../domain/access/duties.js';
import { documentVersions, type DocumentVersion } from '../../domain/audit/documents.js';
import { HistoryUnreadable, type ExpectedRevision, type RecordedEvent } from '../log/event-log.js';
import { readEvent, type ProjectedEvent } from '../projections/projection.js';
import { InvalidRequest, reasonOf } from '../runtime/errors.js';

type History = Readonly<{
  acts: readonly Act[];
  relaxed: readonly Duty[];
  documents: readonly DocumentVersion[];
}>;

/** Who acted on an execution, what its definition relaxes, and its documents. @throws HistoryUnreadable where an event is malformed */
export const historyOf = (events: readonly RecordedEvent[]): History => {
  const known = events.flatMap((recorded) => {
    const { event, metadata } = readOrRefuse(recorded);
    return event ? [{ event, revision: Number(recorded.revision), actor: metadata.actor }] : [];
  });
  const plain = known.map(({ event: { type, data }, revision, actor }) => ({ type, data, revision, actor }));
  const first = known[0]?.event;
  return {
    acts: actsIn(plain),
    relaxed: first?.type === 'WorkflowStarted' ? (first.data.definition.separationOfDuties?.relax ?? []) : [],
    documents: documentVersions(plain),
  };
};

const readOrRefuse = (recorded: RecordedEvent): ProjectedEvent => {
  try {
    return readEvent(recorded);
  } catch (error) {
    throw new HistoryUnreadable(recorded, reasonOf(error));
  }
};

/** The event up to which a person looked. @param last of the execution @throws InvalidRequest for a revision beyond the end */
export const eventAt = (
  events: readonly RecordedEvent[],
  throughRevision: number,
  last: ExpectedRevision | undefined = events.at(-1)?.revision,
): RecordedEvent => {
  const found = events.find(({ revision }) => revision === BigInt(throughRevision));
  if (found) return found;
  const message = `through_revision: expected at most ${last}, the last revision of the execution, got ${throughRevision}`;
  throw new InvalidRequest('REVISION_BEYOND_END', message, { last_revision: String(last) });
};
