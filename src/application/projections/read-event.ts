import { executionIdOf } from '../../domain/workflow/index.js';
import { upcast } from '../../domain/workflow/upcast.js';
import { parseMetadata, type EventMetadata } from '../log/envelope.js';
import type { RecordedEvent } from '../log/event-log.js';
import type { ProjectedEvent } from './projection.js';

/** @throws where a known event, or what stands beside it, is not what this application writes */
export const readEvent = (recorded: RecordedEvent): ProjectedEvent => {
  const executionId = executionIdOf(recorded.stream);
  const event = upcast(recorded.type, recorded.data);
  return event
    ? { executionId, recorded, event, metadata: parseMetadata(recorded.metadata) }
    : { executionId, recorded, event, metadata: metadataIfOurs(recorded.metadata) };
};

/** Null where it is not what this application writes. */
export const metadataIfOurs = (metadata: unknown): EventMetadata | null => {
  try {
    return parseMetadata(metadata);
  } catch {
    return null;
  }
};
