/** The API's client for the command line. Over HTTP like any other: what the command line can do, a user's program can. */
import { createWriteStream } from 'node:fs';
import { mkdir, rename } from 'node:fs/promises';
import path from 'node:path';
import { Readable } from 'node:stream';
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
type Step = Readonly<{ artifacts: readonly Readonly<{ name: string }>[] }>;
export type Details = Readonly<{ execution: Execution; steps: readonly Step[] }>;

/** A connection for each request: one that is kept may be closed by the API in the moment in which it is used again. */
const OWN_CONNECTION = { connection: 'close' };

export class WorkflowClient {
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

  /** @returns the file's path. It appears under its name only when it is whole. */
  async download(executionId: string, name: string, directory: string): Promise<string> {
    const target = path.resolve(directory, path.basename(name));
    await mkdir(directory, { recursive: true });
    const response = await fetch(
      new URL(`/api/v1/workflow/${executionId}/artifacts/${encodeURIComponent(name)}`, this.baseUrl),
      { headers: OWN_CONNECTION },
    );
    if (!response.ok || !response.body) throw new Error(`Artifact ${name}: the API answered ${response.status}`);
    const body = Readable.fromWeb(response.body as ReadableStream);
    await pipeline(body, createWriteStream(`${target}.part`));
    await rename(`${target}.part`, target);
    return target;
  }

  private async json<Data>(
    route: string,
    request?: Readonly<{ method: string; headers: Readonly<Record<string, string>>; body: string }>,
  ): Promise<Data> {
    const response = await fetch(new URL(route, this.baseUrl), {
      ...request,
      headers: { ...request?.headers, ...OWN_CONNECTION },
    });
    const answer = (await response.json()) as Answer<Data>;
    if (!answer.success) throw new Error(`${answer.error.code}: ${answer.error.message}`);
    return answer.data;
  }
}
