/** Reads the JSON that others send: what is small here, what is large in threads of its own. */
import { InvalidRequest, NotReady } from '../application/runtime/errors.js';
import { readAnswerBytes, type AnswerRead, type AnswerReader } from '../infrastructure/agents/answer.js';
import type { AgentLimits } from '../infrastructure/agents/limits.js';
import { KeptThreads, type KeptThreadLimits, ThreadRefusal } from '../infrastructure/system/threads.js';
import { OneEachRound } from '../infrastructure/system/while-away.js';
import { JsonReader, JsonReadHere, type ReadBody, type Task } from '../interfaces/http/server/json-body.js';
import type { BodyRules } from '../interfaces/http/server/read-json.js';
import { bodyUnreadable, Refusal } from '../interfaces/http/server/refusal.js';
import type { Config } from '../infrastructure/config/config.js';
import type { Dependencies, Feature } from './feature.js';
import { carryOut, type JsonOrder, type JsonResult } from './json-order.js';

export type JsonThreadLimits = KeptThreadLimits &
  Readonly<{
    /** Bytes of a text beyond which it is read in a thread. */
    largeBytes: number;
    /** Up to so many bytes it is read at once; beyond, one text after the other, and others are answered in between. */
    smallBytes: number;
  }>;

const MIB = 1024 * 1024;

export const DEFAULT_JSON_THREAD_LIMITS: JsonThreadLimits = {
  ...{ threads: 2, waiting: 200, waitingBytes: 256 * MIB, timeoutMs: 20_000, heapMb: 512, idleMs: 30_000 },
  ...{ largeBytes: MIB, smallBytes: 16 * 1024 },
};

export const jsonReading = ({ json }: Dependencies): Feature => ({
  providers: [{ provide: JsonReader, useValue: json }],
  stop: () => json.close(),
});

export const jsonThreadLimits = (config: Config): JsonThreadLimits => ({
  ...DEFAULT_JSON_THREAD_LIMITS,
  threads: config.jsonThreads,
  waiting: config.jsonMaxWaiting,
});

export class JsonThreads extends JsonReader {
  private readonly threads: KeptThreads<JsonOrder, JsonResult>;
  private readonly here = new JsonReadHere();
  private readonly rounds = new OneEachRound();

  constructor(
    private readonly limits: JsonThreadLimits,
    private readonly agentLimits: AgentLimits,
    private readonly now: () => Date,
    /** Of calls of agents, which no report may bring into a history. */
    private readonly secrets: () => readonly string[] = () => [],
  ) {
    super();
    this.threads = new KeptThreads(new URL('./json-thread.js', import.meta.url), limits, carryOut);
  }

  async read(bytes: Uint8Array, rules: BodyRules, task: Task | null): Promise<ReadBody> {
    if (bytes.byteLength <= this.limits.largeBytes) {
      if (bytes.byteLength > this.limits.smallBytes) await this.rounds.turn();
      return this.here.read(bytes, rules);
    }
    const { depth, members, exact = true } = rules;
    const about = {
      kind: 'body',
      rules: { depth, members, exact },
      task,
      now: this.now(),
      limits: this.agentLimits,
      // Only a report can repeat them.
      secrets: task ? this.secrets() : [],
    } as const;
    const result = await this.threads.run(about, whole(bytes)).catch(refused);
    switch (result.kind) {
      case 'body':
        return result.read;
      case 'refused':
        throw new Refusal(result.status, result.code, result.message, result.details);
      case 'invalid':
        throw new InvalidRequest(result.code, result.message, result.details);
      case 'answer':
        throw new Error('Expected a body to be read, got an answer');
    }
  }

  readonly readAnswer: AnswerReader = async (bytes, order): Promise<AnswerRead> => {
    if (bytes.byteLength <= this.limits.largeBytes) {
      if (bytes.byteLength > this.limits.smallBytes) await this.rounds.turn();
      return readAnswerBytes(bytes, order);
    }
    try {
      const result = await this.threads.run({ kind: 'answer', order }, whole(bytes));
      if (result.kind !== 'answer') throw new Error(`Expected an answer to be read, got ${result.kind}`);
      return result.read;
    } catch (error) {
      if (!(error instanceof ThreadRefusal)) throw error;
      return { kind: 'garbage', problem: `it could not be read: ${error.message}`, remark: null };
    }
  };

  close(): Promise<void> {
    return this.threads.close();
  }
}

/** Bytes that are given away have to be all of their buffer. */
const whole = (bytes: Uint8Array): Uint8Array =>
  bytes.byteLength === bytes.buffer.byteLength ? bytes : Uint8Array.from(bytes);

const refused = (error: unknown): never => {
  if (!(error instanceof ThreadRefusal)) throw error;
  if (error.code === 'BUSY') throw new NotReady(`The body was not read: ${error.message}`);
  throw bodyUnreadable(error.message);
};
