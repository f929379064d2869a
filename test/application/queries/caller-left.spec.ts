import { CallerLeft } from '../../../src/application/runtime/errors.js';
import type { EventLog, PageAsked, RecordedEvent } from '../../../src/application/log/event-log.js';
import { CompareExecutions, CompareExecutionsHandler } from '../../../src/application/history/compare-executions.js';
import { GetDiff, GetDiffHandler } from '../../../src/application/history/get-diff.js';
import { GetEvents, GetEventsHandler } from '../../../src/application/history/get-events.js';
import type { ReadModel } from '../../../src/application/queries/read-model.js';
import { Histories } from '../../../src/application/workflow/histories.js';

/** A history without an end, in which the caller leaves while its third page is read. */
class EndlessLog {
  pages = 0;
  readonly left = new AbortController();
  async readPage(stream: string, { from, limit }: PageAsked): Promise<readonly RecordedEvent[]> {
    if ((this.pages += 1) === 3) this.left.abort();
    return Array.from({ length: limit }, (_, index) => {
      const revision = (from as bigint) + BigInt(index);
      const recordedAt = new Date(0);
      return {
        stream,
        revision,
        position: revision,
        id: `${revision}`,
        type: 'Odd',
        data: {},
        metadata: {},
        recordedAt,
      };
    });
  }
}

const asked = { order: 'asc', afterRevision: null, beforeRevision: null, types: ['Wanted'], limit: 10 } as const;
const ID = '11111111-1111-4111-8111-111111111111';

test.each<[string, (log: EventLog, signal: AbortSignal) => Promise<unknown>]>([
  ['a diff', (log, signal) => new GetDiffHandler(new Histories(log)).execute(new GetDiff(ID, null, null, signal))],
  [
    'a comparison',
    (log, signal) => new CompareExecutionsHandler(new Histories(log)).execute(new CompareExecutions(ID, ID, signal)),
  ],
  [
    'a page of some types',
    (log, signal) =>
      new GetEventsHandler({} as ReadModel, new Histories(log)).execute(new GetEvents(ID, 'log', asked, signal)),
  ],
])('%s for a client that has left is not read on', async (_, execute) => {
  const log = new EndlessLog();
  await expect(execute(log as unknown as EventLog, log.left.signal)).rejects.toThrow(CallerLeft);
  expect(log.pages).toBe(3);
});
