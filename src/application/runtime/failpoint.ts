/** Places at which a test may end the instance or halt it, to see what is left. In production nothing listens there. */
export const sagaFailpoints = [
  'command-accepted',
  'command-appended',
  'event-received',
  'before-step-started',
  'after-step-started',
  'request-written',
  'reply-received',
  'result-appended',
  'before-checkpoint',
  'inside-a-batch',
  'before-commit',
  'after-commit',
  'timer-due',
  'drain',
] as const;

/** Where a read table is built anew in bulk, and takes the place of the live one. */
const rebuildFailpoints = [
  'inside-a-range',
  'before-reach',
  'after-reach',
  'before-indexes',
  'bulk-finished',
  'before-swap',
  'after-swap',
] as const;

/** Where a checkpoint is on its way into the log, the table and the file, none of which is in one transaction with another. */
export const auditFailpoints = [
  'checkpoint-signed',
  'checkpoint-appended',
  'checkpoint-kept',
  'checkpoint-line-placed',
] as const;

/** Where a delivery is queued, is about to be sent, and has been answered. */
export const webhookFailpoints = ['webhooks-before-commit', 'webhook-claimed', 'webhook-answered'] as const;

export const failpoints = [...sagaFailpoints, ...rebuildFailpoints, ...auditFailpoints, ...webhookFailpoints] as const;

export type Failpoint = (typeof failpoints)[number];

type Listener = (name: Failpoint) => void;
let listener: Listener | null = null;

export const failpoint = (name: Failpoint): void => listener?.(name);

/** For tests only. Null: no test listens. */
export const onFailpoint = (listen: Listener | null): void => {
  listener = listen;
};
