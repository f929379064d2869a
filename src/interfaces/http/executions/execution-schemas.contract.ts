/** An execution, its steps, its events and its files, as answers show them. */
import * as is from '../contract/schema.js';
import { type Schemas, STEP_ID } from '../contract/schema.js';

const STATE =
  'Its state: `created`, states of the definition such as `enriching`, `paused`, `completed`, `failed`, `cancelled`.';
const ERROR_TYPES = ['transient', 'validation', 'fatal'];
export const ACTIONS = ['pause', 'resume', 'retry', 'cancel', 'next_step', 'remaining'];
export const REVISION = is.revision('The revision of the last event of the execution.');
export const POSITION = is.revision('The position of that event in the log.', '4711');
export const CURSOR = is.nullable(is.text('For the next page; null: this is the last.', 'WyJhc2MiLCIyMDAiXQ'));

/** What went wrong last, and what an agent reported. */
const errorMembers = {
  error_type: is.nullable(is.choice('The class of the last error.', ERROR_TYPES)),
  error_code: is.nullable(is.text('Its code.', 'TIMEOUT')),
  error_message: is.nullable(is.text('Its message.', 'The agent did not answer in time')),
};

export const identity = {
  id: is.uuid('The id of the execution.'),
  project_id: is.text('The project.', 'metformin'),
  document_type: is.text('The kind of document.', 'investigators_brochure'),
};
export const PERCENT = is.integer('How far it is: 100 only where it is completed.', 42, { minimum: 0, maximum: 100 });
export const CURRENT_STEP = is.nullable(is.text('The step that runs, waits, failed or ended last.', 'writing'));
export const NEXT_STEP = is.nullable(is.text('The step that would start next.', 'validation'));
export const pauseMembers = {
  pause_state: is.nullable(is.choice('`pausing` while a call is in flight, then `paused`.', ['pausing', 'paused'])),
  drained: is.flag('Whether it is paused with nothing left in flight.', false),
};

export const listed = {
  ...identity,
  workflow_name: is.text('The name of the definition.', 'ib-generation'),
  definition_hash: is.hash('Of the definition that it runs by.'),
  triggered_by: is.nullable(is.text('Who started it.', 'ann')),
  auto_execute: is.flag('Whether the steps follow each other by themselves.'),
  current_state: is.text(STATE, 'writing'),
  ...pauseMembers,
  current_step: CURRENT_STEP,
  next_step: NEXT_STEP,
  percent_complete: PERCENT,
  ...errorMembers,
  metadata: is.open('As the caller gave it at the start.', { priority: 'high' }),
  created_at: is.time('When it was started.'),
  started_at: is.nullable(is.time('When its first step began.')),
  updated_at: is.time('When the last event was recorded.'),
  completed_at: is.nullable(is.time('When it was completed, failed or cancelled.')),
  next_action_at: is.nullable(is.time('When the application looks at it again by itself.')),
  worker: is.nullable(is.text('The instance that works on it.', 'host-1:4711')),
  revision: REVISION,
  position: POSITION,
};
const DAMAGE = is.object('Where its history is damaged: it is held back until the history is whole again.', {
  kind: is.choice('What is wrong.', ['truncated', 'gap', 'gone', 'tombstoned', 'unreadable'], 'gap'),
  message: is.text('The same in a sentence.', 'Revision 7 is missing'),
  found_at: is.time('When it was found.'),
});

const ARTIFACT = is.object('A file that a step made.', {
  name: is.text('Its name.', 'brochure.pdf'),
  sha256: is.hash('Of its bytes.'),
  bytes: is.integer('Its size.', 48_211),
  contentType: is.text('Its media type.', 'application/pdf'),
});

const DECISION = is.object('Why the last failed attempt was, or was not, followed by another.', {
  rule: is.choice('The rule that decided.', [
    'retry',
    'error_not_retryable',
    'step_not_retryable',
    'attempts_exhausted',
  ]),
  error_type: is.choice('The class of the error.', ERROR_TYPES),
  attempt: is.integer('Which attempt of its generation it was.', 1),
  of: is.integer('How many there may be.', 4),
  delay_ms: is.nullable(is.integer('How long the next attempt waits.', 1_000)),
  delay_source: is.nullable(is.choice('Who asked for the wait.', ['backoff', 'retry_after'])),
  then: is.nullable(is.choice('What follows.', ['retry', 'fail', 'skip', 'pause'])),
});

const STEP = is.object('A step of an execution.', {
  id: is.uuid('The id of the step, for `retry`.', STEP_ID),
  execution_id: identity.id,
  step_name: is.text('Its name in the definition.', 'writing'),
  step_order: is.integer('Its place, from 1.', 3),
  agent: is.text('The agent that does it.', 'writer'),
  required: is.flag('Whether the execution needs it.'),
  status: is.choice('Its state.', ['pending', 'running', 'waiting', 'completed', 'skipped', 'failed', 'cancelled']),
  attempt: is.integer('The latest attempt; 0 before the first.', 1),
  generation: is.integer('How often it was begun anew.', 1),
  retry_count: is.integer('Automatic retries of this generation.', 0),
  max_retries: is.integer('How many there may be.', 3),
  started_at: is.nullable(is.time('When it began.')),
  completed_at: is.nullable(is.time('When it ended.')),
  duration_ms: is.nullable(is.integer('How long it took.', 1_834)),
  ...errorMembers,
  retry_at: is.nullable(is.time('When the next attempt is due by itself.')),
  last_decision: is.nullable(DECISION),
  deadline_at: is.nullable(is.time('When the attempt times out.')),
  deferred_at: is.nullable(is.time('When the agent took a task token.')),
  heartbeat_due_at: is.nullable(is.time('When the agent has to be heard of again.')),
  progress_percent: is.nullable(is.number('As the agent reported.', 40, { minimum: 0, maximum: 100 })),
  progress_message: is.nullable(is.text('As the agent reported.', 'Section 3 of 7')),
  progress_at: is.nullable(is.time('When it reported.')),
  worker: is.nullable(is.text('The instance that calls the agent.', 'host-1:4711')),
  idempotency_key: is.nullable(is.text('Under which the agent was called.', `${STEP_ID}:1`)),
  output: is.nullable(is.open('What the agent made.', { sections: 7 })),
  artifacts: is.list('Files that the agent made.', is.ref('Artifact')),
  agent_metadata: is.nullable(is.open('What the agent said of its work.', { model: 'none' })),
  revision: REVISION,
});

const EVENT = is.object('An event of an execution’s history. Null beside `reason`: another program wrote it.', {
  id: is.uuid('The id of the event.', '0198f2d4-6c20-7d41-8a11-0c2f9b7d5e13'),
  execution_id: is.text('The id of the execution.', is.EXECUTION_ID),
  position: POSITION,
  revision: is.revision('Its place in the history, from 0.'),
  event_type: is.text('What happened, in the past tense.', 'StepCompleted'),
  data: is.anything('What the event says; its shape depends on the type.', { step: 'writing', attempt: 1 }),
  actor: is.nullable(is.ref('Actor')),
  reason: is.nullable(is.text('Why, where the actor said so.', 'The source data are being corrected')),
  command_id: is.nullable(is.text('The command that it came of.', '7b0e2c4a-1d3f-5a6b-8c7d-9e0f1a2b3c4d')),
  correlation_id: is.nullable(is.text('What all events of one request have in common.', is.EXECUTION_ID)),
  causation_id: is.nullable(is.text('The event that it followed from.', '0198f2d4-6c20-7d41-8a11-0c2f9b7d5e12')),
  occurred_at: is.nullable(is.time('The time of the command.')),
  recorded_at: is.time('The time of the log.'),
  hash: is.nullable(is.hash('Of the event; it covers the one before.')),
  previous_hash: is.nullable(is.hash('Of the event before.')),
  current_state: is.nullable(is.text('The state after it.', 'written')),
  percent_complete: is.nullable(PERCENT),
});

export const EXECUTION_SCHEMAS: Schemas = {
  ListedExecution: is.object('An execution in a list.', listed, {
    checkpoint_data: is.ref('Checkpoint'),
    damage: DAMAGE,
  }),
  Execution: is.object(
    'An execution as the read tables show it.',
    { ...listed, checkpoint_data: is.ref('Checkpoint') },
    { damage: DAMAGE },
  ),
  Step: STEP,
  Event: EVENT,
  Artifact: ARTIFACT,
};
