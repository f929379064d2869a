/** The invariants between the log, the agent's ledger, the answers to clients, and the read tables. */
import type { DataSource } from 'typeorm';
import type { RecordedEvent } from '../../src/application/log/event-log.js';
import type { WorkflowEvent } from '../../src/domain/workflow/events.js';
import { expectedExecution, expectedSteps } from '../application/projections/expected-rows.js';
import { tablesOf } from '../application/projections/in-memory-tables.js';
import { byText, rowsOf } from '../infrastructure/postgres/read-tables.js';
import { isDeepStrictEqual } from 'node:util';
import type { Acknowledged } from './clients.js';
import type { ReportViolation } from './check-streams.js';
import type { Ledger } from './ledger.js';

type Of<Type extends WorkflowEvent['type']> = Extract<WorkflowEvent, { type: Type }>['data'];
export type Streams = ReadonlyMap<string, readonly RecordedEvent[]>;

/** I1, I2: every acknowledged event is at the revision and position of its answer. */
export const checkAcknowledged = (
  streams: Streams,
  acknowledged: readonly Acknowledged[],
  reportViolation: ReportViolation,
): void => {
  const marks: Record<string, string> = {
    ...{ start: 'WorkflowStarted', pause: 'WorkflowPaused', resume: 'WorkflowResumed' },
    ...{ cancel: 'WorkflowCancelled', retry: 'StepRetryRequested' },
  };
  for (const { executionId, action, changed, revision, position } of acknowledged) {
    const events = streams.get(executionId) ?? [];
    const event = events[Number(revision)];
    if (!event)
      reportViolation('I1', executionId, `${action} was acknowledged at revision ${revision}, which is not there`);
    if (position !== null && event?.position !== position)
      reportViolation('I1', executionId, `${action}: not at ${position}`);
    // A command that finds the state as requested may still release a step: then the release is the change.
    const onlyStarts = event?.type === 'StepStarted' && action === 'resume';
    if (changed && !onlyStarts && !events.slice(0, Number(revision) + 1).some(({ type }) => type === marks[action])) {
      reportViolation(
        action === 'start' ? 'I2' : 'I1',
        executionId,
        `${action} was acknowledged and is not in the log`,
      );
    }
  }
};

/** I4, I5, I8: the calls in the agent's ledger match the attempts in the log, and the other way round. */
export const checkLedger = (streams: Streams, ledger: Ledger, reportViolation: ReportViolation): void => {
  const entries = new Map(ledger.map((entry) => [entry.key, entry]));
  const inLog = <Type extends WorkflowEvent['type']>(id: string, type: Type) =>
    (streams.get(id) ?? [])
      .filter((event) => event.type === type)
      .map((event) => ({ event, data: event.data as Of<Type> }));
  for (const { key, calls, effects } of ledger) {
    if (effects > 1) reportViolation('I5', key, `${effects} effects`);
    for (const { execution, step, attempt, at, notBefore } of calls) {
      const isIt = ({ data }: { data: { step: string; attempt: number } }) =>
        data.step === step && data.attempt === attempt;
      const started = inLog(execution, 'StepStarted').find(isIt);
      if (started?.data.idempotencyKey !== key)
        reportViolation('I4', execution, `attempt ${attempt} of ${step} is not in the log`);
      else if (at < started.event.recordedAt.getTime())
        reportViolation('I4', execution, `attempt ${attempt} of ${step} came early`);
      const failed = notBefore === null ? undefined : inLog(execution, 'StepFailed').find(isIt);
      if (!failed?.data.retryAt || failed.data.error.code === 'TIMEOUT') continue;
      if (Date.parse(failed.data.retryAt) < notBefore!)
        reportViolation('I8', execution, `attempt ${attempt} of ${step}: too early`);
    }
  }
  for (const [id] of streams) {
    for (const { data } of inLog(id, 'StepCompleted')) {
      const entry = entries.get(`${id}:${data.step}:${data.generation}`);
      if (!entry || entry.effects !== 1) reportViolation('I5', id, `${data.step} completed without its effect`);
      else if (data.output[data.step] !== entry.output)
        reportViolation('I5', id, `${data.step}: not the output of its effect`);
    }
  }
};

/** I12: the read tables equal the projected changes and the domain's fold. I13: the checkpoints are at the end of the log. */
export const checkTables = async (
  dataSource: DataSource,
  streams: Streams,
  reportViolation: ReportViolation,
): Promise<void> => {
  const history = [...streams.values()].flat().sort((one, other) => (one.position < other.position ? -1 : 1));
  const rows = await rowsOf(dataSource);
  const folds = [...streams.values()].map((events) => tablesOf(events));
  for (const [table, found] of Object.entries(rows)) {
    const sorted = folds.flatMap((fold) => [...(fold.get(table) ?? [])]).sort(byText);
    if (found.length !== sorted.length) reportViolation('I12', table, `${found.length} rows, not ${sorted.length}`);
    const other = sorted.findIndex((row, index) => !isDeepStrictEqual({ ...row }, found[index]));
    if (other >= 0)
      reportViolation('I12', table, `${JSON.stringify(found[other])} is not ${JSON.stringify(sorted[other])}`);
  }
  const executions = new Map(rows.workflow_executions!.map((row) => [(row as { id: string }).id, row]));
  const steps = groupBy(rows.workflow_steps!, (row) => (row as { execution_id: string }).execution_id);
  for (const [id, events] of streams) {
    if (!isDeepStrictEqual(executions.get(id), expectedExecution(events)))
      reportViolation('I12', id, 'execution is not its fold');
    const ordered = (steps.get(id) ?? []).toSorted((one, other) => orderOf(one) - orderOf(other));
    if (!isDeepStrictEqual(ordered, expectedSteps(events))) reportViolation('I12', id, 'steps are not their fold');
  }
  const last = history.at(-1)?.position ?? 0n;
  const checkpoints: { projection: string; position: string }[] = await dataSource.query(
    'select projection, position from projection_checkpoints',
  );
  const positions = new Map(checkpoints.map(({ projection, position }) => [projection, position]));
  for (const table of Object.keys(rows)) {
    const position = positions.get(table) ?? '0';
    if (BigInt(position) !== last)
      reportViolation('I13', table, `checkpoint ${position} at rest, the log ends at ${last}`);
  }
  const poison: unknown[] = await dataSource.query('select * from projection_poison');
  if (poison.length > 0) reportViolation('I18', 'projections', `${poison.length} executions are held back`);
};

export const groupBy = <Item>(items: readonly Item[], keyOf: (item: Item) => string): Map<string, Item[]> => {
  const groups = new Map<string, Item[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group) group.push(item);
    else groups.set(keyOf(item), [item]);
  }
  return groups;
};

const orderOf = (row: object) => (row as { step_order: number }).step_order;
