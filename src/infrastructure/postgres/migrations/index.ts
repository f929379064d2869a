import { CreateReadTables1763800000000 } from './1763800000000-create-read-tables.js';
import { CreateOperationalTables1763800000001 } from './1763800000001-create-operational-tables.js';
import { AddTasks1763800000040 } from './1763800000040-add-tasks.js';
import { AddPauseState1763800000050 } from './1763800000050-add-pause-state.js';
import { AddRebuilds1763800000060 } from './1763800000060-add-rebuilds.js';
import { AddProjectionAdministration1763800000070 } from './1763800000070-add-projection-administration.js';
import { AddEventHashes1763800000080 } from './1763800000080-add-event-hashes.js';
import { AddAuditTree1763800000081 } from './1763800000081-add-audit-tree.js';
import { AnnounceChanges1763800000090 } from './1763800000090-announce-changes.js';
import { CountLateRows1763800000092 } from './1763800000092-count-late-rows.js';
import { AddWebhooks1763800000110 } from './1763800000110-add-webhooks.js';
import { AnnounceToListeners1763800000120 } from './1763800000120-announce-to-listeners.js';
import { NoteReceivers1763800000150 } from './1763800000150-note-receivers.js';
import { AddDamagedHistories1763800000165 } from './1763800000165-add-damaged-histories.js';
import { RememberTheLog1763800000190 } from './1763800000190-remember-the-log.js';
import { NoteMovedEvents1763800000191 } from './1763800000191-note-moved-events.js';
import { AddWebhookProjects1763800000200 } from './1763800000200-add-webhook-projects.js';
import { AddSessions1763800000201 } from './1763800000201-add-sessions.js';
import { NoteKeyUses1763800000203 } from './1763800000203-note-key-uses.js';
import { AddRateLimits1763800000204 } from './1763800000204-add-rate-limits.js';

/** In the order in which they are applied. A migration that was released is never changed. */
export const migrations = [
  CreateReadTables1763800000000,
  CreateOperationalTables1763800000001,
  AddTasks1763800000040,
  AddPauseState1763800000050,
  AddRebuilds1763800000060,
  AddProjectionAdministration1763800000070,
  AddEventHashes1763800000080,
  AddAuditTree1763800000081,
  AnnounceChanges1763800000090,
  CountLateRows1763800000092,
  AddWebhooks1763800000110,
  AnnounceToListeners1763800000120,
  NoteReceivers1763800000150,
  AddDamagedHistories1763800000165,
  RememberTheLog1763800000190,
  NoteMovedEvents1763800000191,
  AddWebhookProjects1763800000200,
  AddSessions1763800000201,
  NoteKeyUses1763800000203,
  AddRateLimits1763800000204,
];
