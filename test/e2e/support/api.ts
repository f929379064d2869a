/** A client of the API as a user would write one. */
import { eventually } from '../../support/eventually.js';
import { watchAnswers } from './contract.js';

/* eslint-disable @typescript-eslint/no-explicit-any -- answers are JSON whose shape is what the tests assert */
export type Reply = Readonly<{ status: number; headers: Headers; body: any }>;

/** Each answer is held against the OpenAPI document, whoever fetches it. */
export class Api {
  /** @param headers of every request, such as a credential */
  constructor(
    readonly url: string,
    private readonly headers: Readonly<Record<string, string>> = {},
  ) {
    watchAnswers(url);
  }

  async get(path: string): Promise<Reply> {
    return reply(await fetch(this.url + path, { headers: this.headers }));
  }

  async post(path: string, body: unknown, headers: Record<string, string> = {}): Promise<Reply> {
    return reply(
      await fetch(this.url + path, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...this.headers, ...headers },
        body: JSON.stringify(body),
      }),
    );
  }

  async start(body: Record<string, unknown>): Promise<string> {
    const started = await this.post('/api/v1/workflow/start', body);
    if (started.status !== 201) throw new Error(`start: ${started.status} ${JSON.stringify(started.body)}`);
    return started.body.data.execution.id;
  }

  control(executionId: string, action: string, more: Record<string, unknown> = {}): Promise<Reply> {
    return this.post('/api/v1/workflow/control', { execution_id: executionId, action, actor_id: 'ann', ...more });
  }

  async details(executionId: string): Promise<any> {
    return (await this.get(`/api/v1/workflow?execution_id=${executionId}&include_steps=true`)).body.data;
  }

  async eventTypes(executionId: string): Promise<string[]> {
    return (await this.events(executionId)).map((event: any) => event.event_type);
  }

  async events(executionId: string): Promise<any[]> {
    return (await this.get(`/api/v1/workflow/${executionId}/events?limit=1000`)).body.data.events;
  }

  /** Waits until the execution is in the state. @returns its details then */
  async reaches(executionId: string, state: string, deadlineMs = 25_000): Promise<any> {
    return eventually(
      async () => {
        const details = await this.details(executionId);
        const now = details?.execution?.current_state;
        if (now !== state)
          throw new Error(`Expected state ${state}, it is ${now}: ${JSON.stringify(details?.execution)}`);
        return details;
      },
      { deadlineMs },
    );
  }
}

const reply = async (response: Response): Promise<Reply> => {
  const type = response.headers.get('content-type') ?? '';
  const body = type.includes('json') ? await response.json() : await response.arrayBuffer();
  return { status: response.status, headers: response.headers, body };
};
