import { executionIdOf } from '../../domain/workflow/index.js';
import type { RecordedEvent } from '../log/event-log.js';
import { metadataIfOurs } from '../projections/read-event.js';
import { eventRow } from '../projections/workflow-events.projection.js';
import type { EventView } from '../queries/read-model.js';

/** A recorded event as the API shows it, as the table has it; also one that no projection can take. */
export const eventView = (recorded: RecordedEvent): EventView =>
  eventRow(executionIdOf(recorded.stream), recorded, metadataIfOurs(recorded.metadata));
