/** What a faulty server does, in one word each. The codes and texts are those of EventStoreDB 23.10: `answers.ts`. */

const MODES = {
  'not ready': 'refuses appends and reads, as while it starts or elects a leader',
  busy: 'refuses appends and reads, as its queue is full',
  'not leader': 'ends the call of an append and names the leader',
  'no leader': 'refuses an append and knows of no leader',
  'timeout, kept': 'keeps an append and answers Timeout, as a leader whose followers are slow',
  'timeout, not kept': "answers Timeout at once, as where the client's clock is behind",
  'answers twice': 'answers each append twice',
  'answers late': 'answers appends and reads after their callers have given up',
  'another order': 'answers appends in the reverse order',
  'never answers': 'keeps appends and reads, and answers none',
  'never arrives': 'loses appends and reads before they are looked at',
  'no checkpoints': 'sends no checkpoints, so an idle subscription hears nothing',
  'too slow': 'ends subscriptions as consumers that are too slow',
  'stands still': 'takes everything and looks at nothing until it wakes',
  'ends mid-message': 'ends calls after half of a message',
  'appends denied': 'refuses each append for want of rights',
  'reads denied': 'refuses each read and subscription for want of rights',
  unauthenticated: 'does not know the user, after a restart with other users',
} as const;

export type Mode = keyof typeof MODES;

export const MODE_NAMES = Object.keys(MODES) as readonly Mode[];
