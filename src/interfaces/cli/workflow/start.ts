/** `workflow start` */
import { readFileSync } from 'node:fs';
import { UsageError } from '../../../composition/run-until-signal.js';
import { follow } from '../watch/follow.js';
import type { Message } from '../watch/picture.js';
import { actorOf, apiLine, COMMON_USAGE, once, write } from './api-verb.js';
import { EXIT } from './exit.js';
import { executionLine, type ShownExecution } from './lines.js';

const USAGE = `Usage: workflow start --project ID --type DOCUMENT_TYPE [OPTIONS]
Starts an execution and prints its id.
  --project ID, --type DOCUMENT_TYPE   the project, and the document_type of an installed definition
  --metadata JSON  an object, or @FILE with one
  --by NAME        who starts it, where the API asks nobody; else the user of this machine
  --hold           no step starts before \`workflow execute\`
  --idempotency-key KEY   a start that is repeated under it starts nothing more
  --wait           waits for the end; the exit code is 0 where it completed, 1 where it did not
${COMMON_USAGE}`;

const text = { type: 'string' } as const;
const flag = { type: 'boolean' } as const;
const OPTIONS = {
  project: text,
  type: text,
  metadata: text,
  by: text,
  hold: flag,
  wait: flag,
  'idempotency-key': text,
} as const;

export const start = async (args: readonly string[]): Promise<number> => {
  const line = apiLine(USAGE, OPTIONS, args);
  if (!line) return EXIT.done;
  const { values, client, connection } = line;
  const { project, type, hold = false } = values;
  if (project === undefined || type === undefined || line.positionals.length > 0)
    throw new UsageError(`Expected --project and --type, and nothing besides\n\n${USAGE}`);
  if (hold && values.wait)
    throw new UsageError('Expected --hold or --wait, got both: an execution that is held never ends');
  const body = {
    ...{ project_id: project, document_type: type, auto_execute: !hold },
    ...{ triggered_by: actorOf(values.by, connection.key), metadata: metadataOf(values.metadata) },
  };
  const headers = once(values['idempotency-key']);
  type Started = Readonly<{ execution: ShownExecution }>;
  const started = await client.call<Started>('/api/v1/workflow/start', { method: 'POST', body, headers });
  const { id } = started.execution;
  if (!values.wait) {
    line.show(started, [id]);
    return EXIT.done;
  }
  if (!line.isJson) write(id);
  const revision = await ended(`${connection.url}/api/v1/workflow/${id}/stream`, connection.key);
  const query = { execution_id: id, min_revision: revision };
  const found = await client.call<Started>('/api/v1/workflow', { query });
  line.show(found, [executionLine(found.execution)]);
  return found.execution.current_state === 'completed' ? EXIT.done : EXIT.failed;
};

type Revised = Readonly<{ revision?: string }>;

/** The stream ends when the execution has. @returns the last revision that it has shown: the read tables may be behind it */
const ended = async (url: string, key: string | null): Promise<string | undefined> => {
  let last: string | undefined;
  const message = ({ event, data }: Message) => {
    if (event === 'snapshot') last = (data.execution as Revised).revision ?? last;
    if (event === 'event') last = (data.event as Revised).revision ?? last;
  };
  const connection = (trouble: string | null) => void (trouble !== null && process.stderr.write(`${trouble}\n`));
  await follow(url, { message, connection }, new AbortController().signal, { key });
  return last;
};

const metadataOf = (given: string | undefined): object | undefined => {
  if (given === undefined) return undefined;
  let metadata: unknown;
  try {
    metadata = JSON.parse(given.startsWith('@') ? readFileSync(given.slice(1), 'utf8') : given);
  } catch (error) {
    throw new UsageError(`Expected a JSON object as --metadata: ${(error as Error).message}`, { cause: error });
  }
  if (typeof metadata === 'object' && metadata !== null && !Array.isArray(metadata)) return metadata;
  throw new UsageError('Expected a JSON object as --metadata');
};
