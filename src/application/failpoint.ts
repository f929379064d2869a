/** Places at which a test may end the instance, to see what is left. In production nothing listens and nothing happens. */
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

/** Where a read table that was built anew takes the place of the live one. */
export const rebuildFailpoints = ['before-swap', 'after-swap'] as const;

/** Where a checkpoint is on its way into the log, the table and the file, none of which is in one transaction with another. */
export const auditFailpoints = [
  'checkpoint-signed',
  'checkpoint-appended',
  'checkpoint-kept',
  'checkpoint-line-placed',
] as const;

export const failpoints = [...sagaFailpoints, ...rebuildFailpoints, ...auditFailpoints] as const;

export type Failpoint = (typeof failpoints)[number];

type Listener = (name: Failpoint) => void;
let listener: Listener | null = null;

export const failpoint = (name: Failpoint): void => listener?.(name);

/** For tests only. Null: nobody listens. */
export const onFailpoint = (listen: Listener | null): void => {
  listener = listen;
};
