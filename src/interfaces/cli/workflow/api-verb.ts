/** What the verbs over HTTP have in common: options, the client, output for people or as JSON, who acts. */
import { randomUUID } from 'node:crypto';
import { userInfo } from 'node:os';
import { readCommandLine, UsageError } from '../../../composition/run-until-signal.js';
import { CONNECTION_OPTIONS, CONNECTION_USAGE, connectionOf, type Connection } from '../connection.js';
import { WorkflowClient } from '../workflow-client.js';

const COMMON_OPTIONS = { ...CONNECTION_OPTIONS, json: { type: 'boolean' } } as const;

export const COMMON_USAGE = `${CONNECTION_USAGE}
  --json           JSON for programs: one document, or an object a line where more than one is listed
Exit codes: 0 done, 1 failed, 2 wrong usage, 3 refused by the API (4xx), 4 the API cannot be reached, 130 interrupted`;

export const ACTOR_OPTIONS = { by: { type: 'string' }, reason: { type: 'string' } } as const;

export const ACTOR_USAGE = `  --by NAME        who does it, where the API asks nobody; else the user of this machine
  --reason TEXT    recorded with it`;

type Option = Readonly<{ type: 'string' | 'boolean'; multiple?: boolean }>;
type Options = Readonly<Record<string, Option>>;
type ValueOf<Given extends Option> = Given['type'] extends 'boolean'
  ? boolean
  : Given extends { multiple: true }
    ? string[]
    : string;
type ValuesOf<Given extends Options> = { readonly [Name in keyof Given]?: ValueOf<Given[Name]> };

export type ApiLine<Own extends Options> = Readonly<{
  values: ValuesOf<Own>;
  positionals: readonly string[];
  connection: Connection;
  client: WorkflowClient;
  isJson: boolean;
  /** One answer: its data for programs, or its lines for people. */
  show: (data: unknown, lines: readonly string[]) => void;
}>;

export const write = (line: string): void => void process.stdout.write(`${line}\n`);

/** @returns null where help was asked for. @throws UsageError */
export const apiLine = <const Own extends Options>(
  usage: string,
  options: Own,
  args: readonly string[],
): ApiLine<Own> | null => {
  const all: Options = { ...COMMON_OPTIONS, ...options };
  const line = readCommandLine(usage, { options: all, allowPositionals: true }, args);
  if (!line) return null;
  const given = line.values as ValuesOf<typeof COMMON_OPTIONS>;
  const connection = connectionOf(given);
  const isJson = given.json === true;
  return {
    values: line.values as ValuesOf<Own>,
    positionals: line.positionals,
    connection,
    client: new WorkflowClient(connection.url, connection.key),
    isJson,
    show: (data, lines) => {
      if (isJson) write(JSON.stringify(data));
      else for (const each of lines) write(each);
    },
  };
};

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** The one id that the line names. @throws UsageError */
export const oneId = (positionals: readonly string[], what: string, usage: string): string => {
  const [id, ...more] = positionals;
  if (id === undefined || more.length > 0)
    throw new UsageError(`Expected one ${what}, got ${positionals.length}\n\n${usage}`);
  if (!UUID.test(id)) throw new UsageError(`Expected a UUID as ${what}, got ${JSON.stringify(id.slice(0, 80))}`);
  return id.toLowerCase();
};

type Acting = Readonly<{ by?: string | undefined; reason?: string | undefined }>;

/** An API that asks who one is knows it from the key; a name beside it would be recorded as a claim. */
export const actorOf = (by: string | undefined, key: string | null): string | undefined =>
  by ?? (key === null ? userInfo().username : undefined);

export const actedBy = ({ by, reason }: Acting, key: string | null) => ({ actor_id: actorOf(by, key), reason });

/** A proxy that sends a request twice has it carried out once. */
export const once = (key: string = randomUUID()): Readonly<Record<string, string>> => ({ 'idempotency-key': key });
