/** The API's client for the command line. Over HTTP like any other: what the command line can do, a user's program can. */
import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { request, type IncomingMessage, type RequestOptions } from 'node:http';
import path from 'node:path';
import { Transform } from 'node:stream';
import { json } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import type { ShownEvent } from './progress.js';

type Answer<Data> =
  | Readonly<{ success: true; data: Data }>
  | Readonly<{ success: false; error: Readonly<{ code: string; message: string }> }>;

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

/**
 * A connection for each request: one that is kept may be closed by the API in the moment in which it is used again. By Node's
 * own client: undici 7, which also carries fetch() here, can end the whole process in the middle of a download
 * (nodejs/undici#5360), and no caller can catch that.
 */
const ask = (url: string, { body, ...sent }: Partial<Sent> = {}): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    const options: RequestOptions = { ...sent, agent: false };
    request(url, options, resolve).on('error', reject).end(body);
  });

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
    const body = await ask(`${this.baseUrl}/api/v1/workflow/${executionId}/artifacts/${encodeURIComponent(name)}`, {
      headers: this.authorization,
    });
    if (body.statusCode !== 200) {
      body.destroy();
      throw new Error(`Artifact ${name}: the API answered ${body.statusCode}`);
    }
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

  private async json<Data>(route: string, sent?: Sent): Promise<Data> {
    const headers = { ...sent?.headers, ...this.authorization };
    const answer = (await json(await ask(`${this.baseUrl}${route}`, { ...sent, headers }))) as Answer<Data>;
    if (!answer.success) throw new Error(`${answer.error.code}: ${answer.error.message}`);
    return answer.data;
  }

  private get authorization(): Readonly<Record<string, string>> {
    return this.key === null ? {} : { authorization: `Bearer ${this.key}` };
  }
}
