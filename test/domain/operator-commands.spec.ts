import type { WorkflowCommand } from '../../src/domain/workflow/commands.js';
import type { RetryOrder, WorkflowEvent } from '../../src/domain/workflow/events.js';
import { given } from '../support/given.js';
import { cancelled, paused, remainingRequested, resumed, workflowStarted } from '../support/histories.js';
import { cancel, nextStep, pause, remaining, resume, retry, startWorkflow } from './commands.js';
import {
  compose,
  enrich,
  exhausting,
  lastFailure,
  situation,
  situationNames,
  type SituationName,
} from './situations.js';

/** Events: accepted. `[]`: already so. `409`: not allowed here. */
type Answer = readonly WorkflowEvent[] | 409;
type Answers = readonly [pause: Answer, resume: Answer, cancel: Answer, retry: Answer, next: Answer, remaining: Answer];

const orders: readonly WorkflowCommand[] = [pause(), resume(), cancel(), retry(enrich), nextStep(), remaining()];
const nothing: Answer = [];
const again = enrich.retryRequested(2, null, { after: enrich.failedForNow(1) });
const anew = enrich.retryRequested(2, null, { after: enrich.failedForGood(1) });
const afterExhaustion = (order: RetryOrder) => exhausting.retryRequested(2, null, { after: lastFailure, order });
const abandon = enrich.retryRequested(2, 1);

const table: Record<SituationName, Answers> = {
  'running, nothing started': [[paused()], nothing, [cancelled()], 409, 409, nothing],
  'running, a step under way': [[paused(enrich.id)], nothing, [cancelled(enrich.id)], [abandon], 409, nothing],
  'running, between two steps': [[paused()], nothing, [cancelled()], 409, 409, nothing],
  'running, interrupted': [[paused()], nothing, [cancelled()], nothing, 409, nothing],
  'waiting for a retry': [[paused()], nothing, [cancelled()], [again], 409, nothing],
  'manual, idle': [[paused()], nothing, [cancelled()], 409, [enrich.requested], [remainingRequested]],
  'manual, a step requested': [[paused()], nothing, [cancelled()], 409, 409, [remainingRequested]],
  'manual, a step under way': [
    [paused(enrich.id)],
    nothing,
    [cancelled(enrich.id)],
    [abandon],
    409,
    [remainingRequested],
  ],
  'manual, one step done': [[paused()], nothing, [cancelled()], 409, [compose.requested], [remainingRequested]],
  'paused, idle': [nothing, [resumed], [cancelled()], 409, [resumed, enrich.requested], [resumed]],
  'paused, idle, manual': [
    nothing,
    [resumed],
    [cancelled()],
    409,
    [resumed, enrich.requested],
    [resumed, remainingRequested],
  ],
  'paused with a running step': [nothing, [resumed], [cancelled(enrich.id)], [resumed, abandon], 409, [resumed]],
  'paused, waiting for a retry': [nothing, [resumed], [cancelled()], [resumed, again], 409, [resumed]],
  'paused, interrupted': [nothing, [resumed], [cancelled()], [resumed], [resumed, enrich.requested], [resumed]],
  'paused, retries exhausted': [
    nothing,
    [resumed, afterExhaustion('resume')],
    [cancelled()],
    [resumed, afterExhaustion('retry')],
    [resumed, afterExhaustion('next_step'), enrich.requested],
    [resumed, afterExhaustion('remaining')],
  ],
  'paused, retries exhausted, manual': [
    nothing,
    [resumed, afterExhaustion('resume')],
    [cancelled()],
    [resumed, afterExhaustion('retry')],
    [resumed, afterExhaustion('next_step'), enrich.requested],
    [resumed, afterExhaustion('remaining'), remainingRequested],
  ],
  failed: [409, 409, [cancelled()], [anew], 409, 409],
  completed: [409, 409, 409, 409, 409, 409],
  cancelled: [409, 409, nothing, 409, 409, 409],
  'cancelled after a failure': [409, 409, nothing, 409, 409, 409],
};

const cells = situationNames.flatMap((name) =>
  orders.map((order, index) => {
    const answer = table[name][index]!;
    const told = answer === 409 ? 'conflict' : answer.map(({ type }) => type).join(' + ') || 'nothing';
    return { name, order, answer, title: `${name}: ${order.type} -> ${told}` };
  }),
);

describe('every operator command in every situation', () => {
  test.each(cells)('$title', ({ name, order, answer }) => {
    const { history, state, allowed } = situation(name);
    const when = given(...history).when(order);
    if (answer !== 409) return when.then(...answer);
    when.thenRejected('Conflict', new RegExp(`an execution that is ${state}\\b`), {
      current_state: state,
      allowed_actions: allowed,
    });
  });
});

describe('a command to an execution that does not exist', () => {
  test.each(orders)('$type is not found', (order) =>
    given()
      .when(order)
      .thenRejected('NotFound', /no such execution/i),
  );

  test('StartWorkflow begins its history', () => given().when(startWorkflow()).then(workflowStarted()));
});

describe('starting again', () => {
  test.each(situationNames)('%s: a repeated start changes nothing', (name) =>
    given(...situation(name).history)
      .when(startWorkflow())
      .thenNothing(),
  );
});

describe('a rejection names', () => {
  test('the action, the state, the reason and what is allowed instead', () =>
    given(...situation('manual, a step under way').history)
      .when(nextStep())
      .thenRejected(
        'Conflict',
        /^Cannot next_step an execution that is enriching: step enrich is still under way\. Allowed now: pause, retry, remaining, cancel\.$/,
      ));

  test('that an automatic execution must be paused before it goes step by step', () =>
    given(...situation('running, nothing started').history)
      .when(nextStep())
      .thenRejected('Conflict', /by itself; pause it first/));

  test('that a final state is final', () =>
    given(...situation('completed').history)
      .when(pause())
      .thenRejected('Conflict', /This state is final\.$/));

  test('the state of the step that cannot be retried', () =>
    given(...situation('running, between two steps').history)
      .when(retry(enrich))
      .thenRejected('Conflict', /step enrich is completed/));
});

describe('retry of a step that this execution does not have', () => {
  test.each(situationNames)('%s: not found', (name) =>
    given(...situation(name).history)
      .when(retry({ id: 'no-such-step' }))
      .thenRejected('NotFound', /no step no-such-step/),
  );
});
