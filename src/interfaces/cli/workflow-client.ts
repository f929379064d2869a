/** The API's client for the command line. Over HTTP like any other: what the command line can do, a user's program can. */
import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream } from 'node:stream/web';
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

/** A connection for each request: one that is kept may be closed by the API in the moment in which it is used again. */
const OWN_CONNECTION = { connection: 'close' };

export class WorkflowClient {
  /** @param baseUrl may have a path, without a slash at the end */
  constructor(private readonly baseUrl: string) {}

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
    const response = await fetch(
      `${this.baseUrl}/api/v1/workflow/${executionId}/artifacts/${encodeURIComponent(name)}`,
      { headers: OWN_CONNECTION },
    );
    if (!response.ok || !response.body) throw new Error(`Artifact ${name}: the API answered ${response.status}`);
    const body = Readable.fromWeb(response.body as ReadableStream);
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

  private async json<Data>(
    route: string,
    request?: Readonly<{ method: string; headers: Readonly<Record<string, string>>; body: string }>,
  ): Promise<Data> {
    const response = await fetch(`${this.baseUrl}${route}`, {
      ...request,
      headers: { ...request?.headers, ...OWN_CONNECTION },
    });
    const answer = (await response.json()) as Answer<Data>;
    if (!answer.success) throw new Error(`${answer.error.code}: ${answer.error.message}`);
    return answer.data;
  }
}
