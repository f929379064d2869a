/** The API's client for the command line. Over HTTP like any other: what the command line can do, a user's program can. */
import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { request, type IncomingMessage, type RequestOptions } from 'node:http';
import { request as requestOverTls } from 'node:https';
import path from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ShownEvent } from './progress.js';

type Answer<Data> =
  | Readonly<{ success: true; data: Data }>
  | Readonly<{ success: false; error: Readonly<{ code: string; message: string; details?: unknown }> }>;

type Execution = Readonly<{
  id: string;
  current_state: string;
  percent_complete: number;
  error_message: string | null;
}>;
type Artifact = Readonly<{ name: string; sha256: string }>;
type Step = Readonly<{ artifacts: readonly Artifact[] }>;
export type Details = Readonly<{ execution: Execution; steps: readonly Step[] }>;

type Sent = Readonly<{ method: string; headers: Readonly<Record<string, string>>; body: string }>;

/** The API has answered, and not with what was asked for. */
export class ApiRefusal extends Error {
  override readonly name = 'ApiRefusal';

  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly details: unknown,
  ) {
    super(`${code}: ${message}`);
  }
}

/** Nothing has answered, or something that is not the API. */
export class NotReachable extends Error {
  override readonly name = 'NotReachable';
}

const LIMITS = {
  /** Nothing is sent or received for so long: the API is taken to be away. It waits for up to 2 s by itself. */
  silentMs: 60_000,
  /** Of an answer that is held in memory. */
  answerBytes: 256 * 1024 * 1024,
};

/**
 * A connection for each request: one that is kept may be closed by the API in the moment in which it is used again. By Node's
 * own client: undici 7, which also carries fetch() here, can end the whole process in the middle of a download
 * (nodejs/undici#5360), and no caller can catch that.
 */
const ask = (url: string, { body, ...sent }: Partial<Sent> = {}): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    const options: RequestOptions = { ...sent, agent: false, timeout: LIMITS.silentMs };
    const asking = (url.startsWith('https:') ? requestOverTls : request)(url, options, resolve);
    asking.on('timeout', () => asking.destroy(new Error(`nothing came for ${LIMITS.silentMs} ms`)));
    asking.on('error', reject).end(body);
  });

const textOf = async (answer: IncomingMessage): Promise<string> => {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > LIMITS.answerBytes) throw new Error(`the answer is larger than ${LIMITS.answerBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
};

type Query = Readonly<Record<string, string | undefined>>;

/** Fields that are undefined are left out. */
const queryOf = (query: Query): string => {
  const given = Object.entries(query).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return given.length === 0 ? '' : `?${new URLSearchParams(given)}`;
};

export type ApiCall = Readonly<{
  method?: 'GET' | 'POST' | 'DELETE';
  query?: Query;
  body?: object | undefined;
  headers?: Readonly<Record<string, string>>;
}>;

export class WorkflowClient {
  /**
   * @param baseUrl of http:; may have a path, without a slash at the end
   * @param key an API key; null for an API that asks nobody
   */
  constructor(
    private readonly baseUrl: string,
    private readonly key: string | null = null,
  ) {}

  async start(body: Readonly<Record<string, unknown>>): Promise<string> {
    const { execution } = await this.json<{ execution: Execution }>('/api/v1/workflow/start', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    return execution.id;
  }

  /** As it is from that revision on. */
  details(executionId: string, minRevision: string): Promise<Details> {
    return this.json<Details>(
      `/api/v1/workflow?execution_id=${executionId}&include_steps=true&min_revision=${minRevision}`,
    );
  }

  /** Oldest first, after that revision. */
  async eventsAfter(executionId: string, revision: string | null): Promise<readonly ShownEvent[]> {
    const query = revision === null ? '' : `?after_revision=${revision}`;
    const { events } = await this.json<{ events: readonly ShownEvent[] }>(
      `/api/v1/workflow/${executionId}/events${query}`,
    );
    return events;
  }

  /** Whether the read tables have all that was in the log a moment ago. */
  async isCaughtUp(): Promise<boolean> {
    type Lagging = Readonly<{ lag: Readonly<{ events: number }> }>;
    const { projections } = await this.json<{ projections: readonly Lagging[] }>('/api/v1/admin/projections');
    return projections.every(({ lag }) => lag.events === 0);
  }

  /** Newest first. */
  async executionsOf(projectId: string): Promise<readonly Execution[]> {
    const query = new URLSearchParams({ project_id: projectId, limit: '20' });
    const { executions } = await this.json<{ executions: readonly Execution[] }>(
      `/api/v1/workflow/executions?${query}`,
    );
    return executions;
  }

  /** @returns the file's path. It appears under its name only when it is whole, and has the hash that the step recorded. */
  async download(executionId: string, { name, sha256 }: Artifact, directory: string): Promise<string> {
    const target = path.resolve(directory, path.basename(name));
    await mkdir(directory, { recursive: true });
    const body = await this.open(`/api/v1/workflow/${executionId}/artifacts/${encodeURIComponent(name)}`);
    const digest = createHash('sha256');
    const digested = new Transform({
      transform: (chunk: Buffer, _encoding, done) => {
        digest.update(chunk);
        done(null, chunk);
      },
    });
    await pipeline(body, digested, createWriteStream(`${target}.part`));
    const actual = digest.digest('hex');
    if (actual !== sha256) {
      await rm(`${target}.part`, { force: true });
      throw new Error(
        `Artifact ${name}: expected SHA-256 ${sha256}, as its step recorded it, got ${actual}; it is not kept`,
      );
    }
    await rename(`${target}.part`, target);
    return target;
  }

  /** Whatever the API answers to it. @throws ApiRefusal, NotReachable */
  async call<Data>(route: string, { method = 'GET', query = {}, body, headers = {} }: ApiCall = {}): Promise<Data> {
    const sent = {
      method,
      headers: { ...(body && { 'content-type': 'application/json' }), ...headers },
      ...(body && { body: JSON.stringify(body) }),
    };
    return this.json<Data>(`${route}${queryOf(query)}`, sent);
  }

  /** The body of an answer, to be read as it comes. @throws ApiRefusal, NotReachable */
  async open(route: string, headers: Readonly<Record<string, string>> = {}): Promise<IncomingMessage> {
    const answer = await this.send(route, { headers });
    if (answer.statusCode === 200) return answer;
    throw await this.refusalOf(answer);
  }

  private async send(route: string, sent: Partial<Sent>): Promise<IncomingMessage> {
    try {
      return await ask(`${this.baseUrl}${route}`, { ...sent, headers: { ...sent.headers, ...this.authorization } });
    } catch (error) {
      throw this.notReachable(error);
    }
  }

  private async json<Data>(route: string, sent: Partial<Sent> = {}): Promise<Data> {
    const answer = await this.send(route, sent);
    const { statusCode: status = 0 } = answer;
    if (status === 204) return undefined as Data;
    const content = await this.contentOf<Data>(answer);
    if (content.success) return content.data;
    throw new ApiRefusal(status, content.error.code, content.error.message, content.error.details);
  }

  private async contentOf<Data>(answer: IncomingMessage): Promise<Answer<Data>> {
    let content: Answer<Data> | undefined;
    try {
      content = JSON.parse(await textOf(answer)) as Answer<Data>;
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw this.notReachable(error);
    }
    if (content?.success === true || content?.error?.code !== undefined) return content;
    throw this.notReachable(
      new Error(`something answered with HTTP ${answer.statusCode} that is not the API: check the address`),
    );
  }

  private async refusalOf(answer: IncomingMessage): Promise<Error> {
    const content = await this.contentOf(answer);
    if (content.success) return new Error(`The API answered ${answer.statusCode}`);
    const { code, message, details } = content.error;
    return new ApiRefusal(answer.statusCode ?? 0, code, message, details);
  }

  /** Of several addresses of one name, Node says in the parts alone what failed. */
  private notReachable(error: unknown): NotReachable {
    const parts = error instanceof AggregateError ? (error.errors as readonly unknown[]) : [error];
    const why = parts.map((each) => (each instanceof Error ? each.message : String(each))).join('; ');
    return new NotReachable(`The API at ${this.baseUrl} cannot be reached: ${why}`, { cause: error });
  }

  private get authorization(): Readonly<Record<string, string>> {
    return this.key === null ? {} : { authorization: `Bearer ${this.key}` };
  }
}
