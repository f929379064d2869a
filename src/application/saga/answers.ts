/** An agent's answer on its way into the log: what it is made of, and the text that outlives the process. */
import { z } from 'zod';
import type { JsonObject } from '../../domain/json.js';
import { deferred, type AgentReply, type Deferred } from '../agents/agents.js';

/** Attempts are absolute numbers, so this names one attempt for ever. */
export type AnswerRef = Readonly<{ executionId: string; stepId: string; attempt: number }>;

export type Answer = AnswerRef &
  Readonly<{
    step: string;
    /** Null where it came by token and the history could not be read then. */
    agent: string | null;
    /** When it came: it is recorded with this time, however late. */
    at: Date;
    /** Null where it came by task token: the id follows from the attempt then, as one attempt has one result. */
    commandId: string | null;
    causationId: string | null;
    traceparent: string | null;
    reply: AgentReply | Deferred;
  }>;

/** Where answers outlive the process. */
export abstract class AnswerFiles {
  /** Names and sizes of what is there. Other processes of the same data folder may write and remove meanwhile. */
  abstract list(): Promise<readonly Readonly<{ name: string; bytes: number }>[]>;
  /** Resolves when the text is on the disk. @throws what the file system throws */
  abstract write(name: string, text: string): Promise<void>;
  /** Null where it is not there. */
  abstract read(name: string): Promise<string | null>;
  /** Resolves where it is not there, too. */
  abstract remove(name: string): Promise<void>;
}

export const nameOf = ({ executionId, stepId, attempt }: AnswerRef): string => `${executionId}_${stepId}_${attempt}`;

const NAME = /^([0-9a-f-]{36})_([0-9a-f-]{36})_([0-9]{1,10})$/;

/** Null for the name of anything else. */
export const refOf = (name: string): AnswerRef | null => {
  const [, executionId, stepId, attempt] = NAME.exec(name) ?? [];
  return executionId && stepId ? { executionId, stepId, attempt: Number(attempt) } : null;
};

const VERSION = 1;

export const textOf = ({ reply, at, ...answer }: Answer): string =>
  JSON.stringify({ version: VERSION, ...answer, at: at.toISOString(), reply: replyJson(reply) });

const replyJson = (reply: Answer['reply']) => {
  if ('deferred' in reply || !reply.success) return reply;
  const artifacts = reply.artifacts.map(({ content, ...artifact }) => ({
    ...artifact,
    content: Buffer.from(content.buffer, content.byteOffset, content.byteLength).toString('base64'),
  }));
  return { ...reply, artifacts };
};

const json = z.custom<JsonObject>((value) => typeof value === 'object' && value !== null && !Array.isArray(value));

const stored = z.object({
  version: z.literal(VERSION),
  executionId: z.string(),
  stepId: z.string(),
  attempt: z.number(),
  step: z.string(),
  agent: z.string().nullable(),
  at: z.iso.datetime(),
  commandId: z.string().nullable(),
  causationId: z.string().nullable(),
  traceparent: z.string().nullable(),
  reply: z.union([
    z.object({ deferred: z.literal(true) }),
    z.object({
      success: z.literal(true),
      data: json,
      metadata: json,
      artifacts: z.array(z.object({ name: z.string(), contentType: z.string(), content: z.base64() })),
    }),
    z.object({
      success: z.literal(false),
      error: z.object({ type: z.enum(['transient', 'validation', 'fatal']), message: z.string(), code: z.string() }),
      retryAfterMs: z.number().nullable(),
    }),
  ]),
});

/** @throws where the text is not what `textOf` writes */
export const answerOf = (text: string): Answer => {
  const { version: _version, at, reply, ...answer } = stored.parse(JSON.parse(text));
  return { ...answer, at: new Date(at), reply: replyOf(reply) };
};

const replyOf = (reply: z.output<typeof stored>['reply']): Answer['reply'] => {
  if ('deferred' in reply) return deferred;
  if (!reply.success) return reply;
  const artifacts = reply.artifacts.map(({ content, ...artifact }) => ({
    ...artifact,
    content: Buffer.from(content, 'base64'),
  }));
  return { ...reply, artifacts };
};
