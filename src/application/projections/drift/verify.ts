/** Whole read tables against the whole log, in bounded memory: first what the log holds, then what only the tables hold. */
import { executionIdOf, STREAM_PREFIX, workflowStream } from '../../../domain/workflow/index.js';
import { StreamTombstoned, type EventLog, type RecordedEvent } from '../../log/event-log.js';
import type { Projection } from '../projection.js';
import { checkExecution, type Checked } from './check-execution.js';
import type { LiveRows } from './live-rows.js';

export type Verification = Readonly<{
  log: EventLog;
  rows: LiveRows;
  projections: readonly Projection[];
  signal: AbortSignal;
  /** Everything that was compared, one by one; what does not differ has no differences. */
  onChecked: (checked: readonly Checked[]) => Promise<void> | void;
  /** Position of the log up to which executions were compared. */
  onPosition?: (position: bigint) => void;
}>;

/** Executions that are compared at once. */
const AT_ONCE = 8;
const PAGE = 500;
/** Beyond any revision: such a read tells whether there is a stream, and gives no events. */
const NO_EVENTS_FROM = 2n ** 53n;

/** Executions begun until now: later ones are followed by the tables a moment later, and would be no drift. */
export const verifyAll = async (verification: Verification): Promise<void> => {
  const { log, projections, signal, onChecked, onPosition } = verification;
  const head = await log.head();
  const check = async (executionId: string) => {
    await onChecked(await checkExecution(verification, projections, executionId));
  };
  for (let after: bigint | 'start' = 'start'; head !== 'start' && !signal.aborted;) {
    const page: readonly RecordedEvent[] = await log.page(after, PAGE);
    const born = page.filter((event) => isBirth(event) && event.position <= head);
    await inGroups(born, ({ stream }) => check(executionIdOf(stream)));
    const last = page.at(-1)?.position;
    if (last === undefined) break;
    onPosition?.(last);
    if (last >= head) break;
    after = last;
  }
  await verifyUnexplained(verification, check);
};

/** Some of those that have rows, spread over all. @param anywhere gives UUIDs without order */
export const verifySample = async (verification: Verification, size: number, anywhere: () => string): Promise<void> => {
  const { rows, projections, onChecked } = verification;
  const tables = projections.map(({ table }) => table);
  const chosen = new Set<string>();
  for (let tries = 0; tries < 4 * size && chosen.size < size; tries++) {
    const [found] = await rows.executions(anywhere(), 1, tables);
    const [first] = found === undefined ? await rows.executions(null, 1, tables) : [found];
    if (first === undefined) break;
    chosen.add(first);
  }
  await inGroups([...chosen], async (id) => {
    await onChecked(await checkExecution(verification, projections, id));
  });
};

const isBirth = ({ stream, revision }: RecordedEvent) => revision === 0n && stream.startsWith(STREAM_PREFIX);

const verifyUnexplained = async (
  { log, rows, projections, signal }: Verification,
  check: (executionId: string) => Promise<void>,
): Promise<void> => {
  const tables = projections.map(({ table }) => table);
  for (let after: string | null = null; !signal.aborted;) {
    const page: readonly string[] = await rows.executions(after, PAGE, tables);
    await inGroups(page, async (executionId) => {
      if (!(await isKnown(log, executionId))) await check(executionId);
    });
    if (page.length < PAGE) return;
    after = page.at(-1)!;
  }
};

/** Whether the log has events of it. Of a stream that was tombstoned it had. */
const isKnown = async (log: EventLog, executionId: string): Promise<boolean> => {
  try {
    return (await log.read(workflowStream(executionId), NO_EVENTS_FROM)).revision !== 'none';
  } catch (error) {
    if (error instanceof StreamTombstoned) return true;
    throw error;
  }
};

const inGroups = async <Item>(items: readonly Item[], act: (item: Item) => Promise<void>): Promise<void> => {
  for (let from = 0; from < items.length; from += AT_ONCE)
    await Promise.all(items.slice(from, from + AT_ONCE).map(act));
};
