/** Operators who never rest: they start, pause, resume, retry and cancel, on any instance that answers. */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { randomOf, seedFor, type Random } from './random.js';

/** A command that an instance has accepted. */
export type Acknowledged = Readonly<{
  executionId: string;
  action: string;
  changed: boolean;
  revision: bigint;
  position: bigint | null;
}>;

/* eslint-disable @typescript-eslint/no-explicit-any -- answers are JSON whose shape the checker asserts */
type Reply = Readonly<{ status: number; body: any }>;

const REQUEST_LIMIT_MS = 20_000;
const PATIENCE_MS = 60_000;
const SEEN = 200;

export class Clients {
  readonly acknowledged: Acknowledged[] = [];
  readonly answers = new Map<string, number>();
  readonly unexpected: string[] = [];
  startsTried = 0;
  private stopped = false;
  private readonly recent: string[] = [];
  private readonly paused = new Set<string>();
  private loops: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly urls: readonly string[],
    private readonly seed: number,
    private readonly documentType: string,
  ) {}

  begin(count: number): void {
    const loops = Array.from({ length: count }, (_, index) =>
      this.loop(randomOf(seedFor(this.seed, `client ${index}`))),
    );
    this.loops = Promise.all(loops);
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await this.loops;
  }

  /** Resumes most paused executions; the rest shows that a paused execution stays paused. */
  async resumeMost(random: Random): Promise<number> {
    const chosen = [...this.paused].filter(() => random.chance(0.8));
    for (const id of chosen) await this.control(random, id, 'resume');
    return this.paused.size;
  }

  private async loop(random: Random): Promise<void> {
    while (!this.stopped) {
      await this.start(random);
      if (random.chance(0.5)) await this.operate(random, random.pick(this.recent));
      await delay(random.between(100, 700));
    }
  }

  private async start(random: Random): Promise<void> {
    this.startsTried += 1;
    const body = { project_id: `p-${random.between(1, 9)}`, document_type: this.documentType, triggered_by: 'chaos' };
    const reply = await this.insist(random, 'start', '/api/v1/workflow/start', body);
    if (reply?.status !== 201) return;
    const { execution } = reply.body.data;
    this.acknowledge(execution.id, 'start', true, reply);
    this.recent.push(execution.id);
    if (this.recent.length > SEEN) this.recent.shift();
  }

  private async operate(random: Random, id: string | undefined): Promise<void> {
    if (!id) return;
    const act = random.weighted({ pause: 4, resume: 4, cancel: 1, retry: 4 });
    if (act !== 'retry') return this.control(random, id, act);
    const details = await this.ask(random, `/api/v1/workflow?execution_id=${id}&include_steps=true`);
    const step = details?.body?.data?.steps?.find(({ status }: any) => status === 'failed' || status === 'running');
    if (step) await this.control(random, id, 'retry', { step_id: step.id });
  }

  private async control(random: Random, id: string, action: string, more: Record<string, string> = {}): Promise<void> {
    const body = { execution_id: id, action, actor_id: 'chaos', ...more };
    const reply = await this.insist(random, action, '/api/v1/workflow/control', body);
    if (reply?.status !== 200) return;
    this.acknowledge(id, action, reply.body.data.changed, reply);
    if (action === 'pause') this.paused.add(id);
    else this.paused.delete(id);
  }

  private acknowledge(executionId: string, action: string, changed: boolean, { body }: Reply): void {
    const { revision, position } = body.data;
    const place = { revision: BigInt(revision), position: position === null ? null : BigInt(position) };
    this.acknowledged.push({ executionId, action, changed, ...place });
  }

  /** Repeats the same request under the same key until it gets a final answer. */
  private async insist(random: Random, what: string, path: string, body: unknown): Promise<Reply | undefined> {
    const headers = { 'content-type': 'application/json', 'idempotency-key': randomUUID() };
    const giveUpAt = performance.now() + PATIENCE_MS;
    while (performance.now() < giveUpAt) {
      const reply = await this.ask(random, path, { method: 'POST', headers, body: JSON.stringify(body) });
      if (reply && reply.status < 500) {
        const expected = [200, 201, 404, 409].includes(reply.status);
        if (!expected) this.unexpected.push(`${what}: ${reply.status} ${JSON.stringify(reply.body)}`);
        return reply;
      }
      if (reply && reply.status !== 503) this.unexpected.push(`${what}: ${reply.status} ${JSON.stringify(reply.body)}`);
      await delay(random.between(50, 400));
    }
    this.count(`${what}: gave up`);
    return undefined;
  }

  private async ask(random: Random, path: string, init: RequestInit = {}): Promise<Reply | undefined> {
    const signal = AbortSignal.timeout(REQUEST_LIMIT_MS);
    try {
      const response = await fetch(random.pick(this.urls) + path, { ...init, signal });
      const body = (await response.json()) as unknown;
      this.count(String(response.status));
      return { status: response.status, body };
    } catch {
      this.count('no answer');
      return undefined;
    }
  }

  private count(answer: string): void {
    this.answers.set(answer, (this.answers.get(answer) ?? 0) + 1);
  }
}
