/** `workflow list|get|events|definitions` */
import { UsageError } from '../../../composition/run-until-signal.js';
import { apiLine, COMMON_USAGE, oneId, write } from './api-verb.js';
import { EXIT } from './exit.js';
import {
  eventLine,
  executionLine,
  stepLine,
  type EventOfHistory,
  type ShownExecution,
  type ShownStep,
} from './lines.js';

const text = { type: 'string' } as const;
const flag = { type: 'boolean' } as const;

const LIST_USAGE = `Usage: workflow list [OPTIONS]
Executions, the newest first.
  --state S, --project ID, --type DOCUMENT_TYPE, --created-after TIME, --created-before TIME   only those
  --limit N        at most so many, 50 where nothing is said; 200 at most
  --cursor C       goes on after an earlier list: its next_cursor
  --all            all of them, an object a line with --json
${COMMON_USAGE}`;

const LIST_OPTIONS = {
  ...{ state: text, project: text, type: text, 'created-after': text, 'created-before': text },
  ...{ limit: text, cursor: text, all: flag },
} as const;

const MOST = '200';

type Page = Readonly<{ executions: readonly ShownExecution[]; next_cursor: string | null }>;

export const list = async (args: readonly string[]): Promise<number> => {
  const line = apiLine(LIST_USAGE, LIST_OPTIONS, args);
  if (!line) return EXIT.done;
  const { values, client, isJson } = line;
  noneOf(line.positionals, LIST_USAGE);
  if (values.all && values.limit !== undefined) throw new UsageError('Expected --all or --limit, got both');
  const query = {
    ...{ state: values.state, project_id: values.project, document_type: values.type },
    ...{ created_after: values['created-after'], created_before: values['created-before'] },
    limit: values.all ? MOST : values.limit,
  };
  let { cursor } = values;
  do {
    const page: Page = await client.call<Page>('/api/v1/workflow/executions', { query: { ...query, cursor } });
    const next: string | undefined = page.next_cursor ?? undefined;
    if (values.all && isJson) for (const each of page.executions) write(JSON.stringify(each));
    else {
      const more = next && !values.all ? [`More: --cursor ${next}`] : [];
      line.show(page, [...page.executions.map(executionLine), ...more]);
    }
    cursor = values.all ? next : undefined;
  } while (cursor !== undefined);
  return EXIT.done;
};

const GET_USAGE = `Usage: workflow get EXECUTION [OPTIONS]
One execution with its steps.
  --events         with its latest events
  --min-revision N waits for the read tables to reach that revision
  --at-revision N, --as-of TIME   as it was then
${COMMON_USAGE}`;

const GET_OPTIONS = { events: flag, 'min-revision': text, 'at-revision': text, 'as-of': text } as const;

type Details = Readonly<{
  execution: ShownExecution;
  steps?: readonly ShownStep[];
  events?: readonly EventOfHistory[];
}>;

export const get = async (args: readonly string[]): Promise<number> => {
  const line = apiLine(GET_USAGE, GET_OPTIONS, args);
  if (!line) return EXIT.done;
  const { values } = line;
  const query = {
    ...{ execution_id: oneId(line.positionals, 'EXECUTION', GET_USAGE), include_steps: 'true' },
    ...{ include_events: values.events ? 'true' : undefined, min_revision: values['min-revision'] },
    ...{ at_revision: values['at-revision'], as_of: values['as-of'] },
  };
  const found = await line.client.call<Details>('/api/v1/workflow', { query });
  const { execution, steps = [], events = [] } = found;
  line.show(found, [executionLine(execution), ...steps.map(stepLine), ...events.map(eventLine)]);
  return EXIT.done;
};

const EVENTS_USAGE = `Usage: workflow events EXECUTION [OPTIONS]
The whole history of an execution, the oldest event first; with --json an object a line.
  --after REVISION only events after that one
  --type TYPES     only these types, with commas between
${COMMON_USAGE}`;

type EventsPage = Readonly<{ events: readonly EventOfHistory[]; next_cursor: string | null }>;

export const events = async (args: readonly string[]): Promise<number> => {
  const line = apiLine(EVENTS_USAGE, { after: text, type: text }, args);
  if (!line) return EXIT.done;
  const { values, client, isJson } = line;
  const id = oneId(line.positionals, 'EXECUTION', EVENTS_USAGE);
  const query = { after_revision: values.after, type: values.type, limit: '1000' };
  let cursor: string | null = null;
  do {
    const page: EventsPage = await client.call<EventsPage>(`/api/v1/workflow/${id}/events`, {
      query: { ...query, cursor: cursor ?? undefined },
    });
    for (const each of page.events) write(isJson ? JSON.stringify(each) : eventLine(each));
    cursor = page.next_cursor;
  } while (cursor !== null);
  return EXIT.done;
};

const DEFINITIONS_USAGE = `Usage: workflow definitions [OPTIONS]
The installed workflow definitions with their steps.
${COMMON_USAGE}`;

type Definition = Readonly<{
  name: string;
  document_type: string;
  steps: readonly Readonly<{ name: string; agent: string }>[];
}>;

export const definitions = async (args: readonly string[]): Promise<number> => {
  const line = apiLine(DEFINITIONS_USAGE, {}, args);
  if (!line) return EXIT.done;
  noneOf(line.positionals, DEFINITIONS_USAGE);
  const found =
    await line.client.call<Readonly<{ definitions: readonly Definition[] }>>('/api/v1/workflow/definitions');
  line.show(
    found,
    found.definitions.map(
      ({ name, document_type, steps }) =>
        `${document_type}  ${name}: ${steps.map((step) => `${step.name} (${step.agent})`).join(', ')}`,
    ),
  );
  return EXIT.done;
};

const noneOf = (positionals: readonly string[], usage: string): void => {
  if (positionals.length > 0) throw new UsageError(`Expected options only, got ${positionals.join(' ')}\n\n${usage}`);
};
