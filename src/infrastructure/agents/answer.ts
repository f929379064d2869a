import { z } from 'zod';
import type { AgentArtifact, AgentReply } from '../../application/agents/agents.js';
import { type Json, type JsonObject, isStorableText } from '../../domain/json.js';
import { lostNumeral } from '../../domain/numerals.js';
import { excessOf } from '../../domain/json-scan.js';
import { bounded, failure, retryAfterMs } from './failures.js';
import { hideInJson } from './hidden-secrets.js';
import type { AgentLimits } from './limits.js';

/** @param token the task token that was offered with the call, where an answer may take it; else null */
export type AnswerOrder = Readonly<{ context: AnswerContext; token: string | null }>;

/** `taken`: the agent has the token, and will report under it. */
export type AnswerRead = ReadAnswer | Readonly<{ kind: 'taken' }>;

/** Reads an answer, a large one in a thread beside the one that answers requests. Never rejects. */
export type AnswerReader = (bytes: Uint8Array, order: AnswerOrder) => Promise<AnswerRead>;

/** In this thread, at once. */
export const readAnswerBytes = (bytes: Uint8Array, { context, token }: AnswerOrder): AnswerRead => {
  const { answerMembers } = context.limits;
  const text = decode(bytes);
  if (text === undefined) return garbage('it is not UTF-8');
  // The depth is found in the value, where a text that is no JSON can be distinguished from one that is too deep.
  if (excessOf(bytes, { depth: Infinity, members: answerMembers }) === 'members')
    return garbage(`its arrays and objects have more than ${answerMembers} members in all`);
  // Only an agent that names the token has taken it: a gateway that answers 202 to everything has not.
  if (token !== null && takenToken(text) === token) return { kind: 'taken' };
  return readAnswer(text, context);
};

export const readAnswerHere: AnswerReader = async (bytes, order) => readAnswerBytes(bytes, order);

const decode = (bytes: Uint8Array): string | undefined => {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
};

/**
 * Says why a parsed JSON value must not enter the log and the read tables; undefined where it may.
 * Postgres takes neither U+0000 nor half of a surrogate pair, and what walks values recursively ends at some depth.
 */
const unstorable = (value: unknown, maxDepth: number): string | undefined => {
  // A stack of its own: a value that is too deep must not end the walk by a stack overflow.
  const stack: { value: unknown; depth: number }[] = [{ value, depth: 1 }];
  for (let next = stack.pop(); next; next = stack.pop()) {
    const { value: current, depth } = next;
    if (typeof current === 'string' && !isStorableText(current)) return BROKEN_TEXT;
    if (typeof current !== 'object' || current === null) continue;
    if (depth > maxDepth) return `it is nested more than ${maxDepth} levels deep`;
    const isArray = Array.isArray(current);
    for (const [key, member] of Object.entries(current)) {
      if (!isArray && !isStorableText(key)) return BROKEN_TEXT;
      if (!isArray && REFUSED_KEYS.has(key)) return `it has a key "${key}"`;
      stack.push({ value: member, depth: depth + 1 });
    }
  }
  return undefined;
};

/** The API refuses them in a body too: an answer that passes here must pass there, as the next agent's checkpoint. */
const REFUSED_KEYS = new Set(['__proto__', 'constructor', 'prototype']);

const BROKEN_TEXT = 'a text in it has U+0000 or half of a surrogate pair, which cannot be stored';

/** Keys that are not named here are allowed and left out: agents may send more than is asked. */
const success = z.object({
  success: z.literal(true),
  data: z.unknown().optional(),
  metadata: z.record(z.string(), z.unknown()).nullish(),
  artifacts: z
    .array(
      z.object({
        name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/),
        content_type: z
          .string()
          .max(128)
          .regex(/^[\w.+-]+\/[\w.+-]+(; ?[\w-]+=[\w.-]+)*$/),
        content_base64: z.string(),
      }),
    )
    .nullish(),
});

const refusal = z.object({
  success: z.literal(false),
  error: z.object({
    type: z.enum(['transient', 'validation', 'fatal']),
    message: z.string(),
    code: z.string().min(1).nullish(),
  }),
  retry_after: z.unknown().optional(),
});

const answer = z.discriminatedUnion('success', [success, refusal]);

const taken = z.object({ task_token: z.string() });

/** Other services put a message here without the type. It is shown beside their status. */
const remark = z.object({ error: z.object({ message: z.string() }) });

export type ReadAnswer =
  | Readonly<{ kind: 'reply'; reply: AgentReply }>
  | Readonly<{ kind: 'garbage'; problem: string; remark: string | null }>;

/** @param secrets `searchable` ones of our calls, which no answer may bring into a history; none where there are none */
type AnswerContext = Readonly<{ step: string; now: Date; limits: AgentLimits; secrets?: readonly string[] }>;

const CODE_LENGTH = 100;

const LOST = {
  infinite: 'is larger than a double can hold',
  rounded: 'is a whole number beyond 2^53 - 1, which would be rounded: send it as a text',
} as const;

/**
 * Reads `{success: true, data, metadata?, artifacts?}` or `{success: false, error: {type, message, code}, retry_after?}`.
 * `problem` completes the sentence "expected ..., but ..." and quotes nothing of the answer.
 */
export const readAnswer = (text: string, context: AnswerContext): ReadAnswer => {
  const json = parseJson(text);
  if (json === undefined) return garbage(text.trim() === '' ? 'it is empty' : 'it is not JSON');
  const lost = lostNumeral(text);
  if (lost) return garbage(`the number at character ${lost.offset + 1} ${LOST[lost.fate]}`);
  return readResult(json, context);
};

/** The same for JSON that was parsed already. */
export const readResult = (given: unknown, { step, now, limits, secrets = [] }: AnswerContext): ReadAnswer => {
  const unfit = unstorable(given, limits.answerDepth);
  if (unfit) return garbage(unfit);
  // Before any text is cut: the rest of a secret may be enough to complete it.
  const json = hideInJson(given, secrets);
  // Before the shapes are compared: a hundred thousand wrong artifacts would make as many issues.
  const sent = (json as Readonly<{ artifacts?: unknown }> | null)?.artifacts;
  if (Array.isArray(sent) && sent.length > limits.artifactsPerAnswer)
    return garbage(tooManyArtifacts(sent.length, limits.artifactsPerAnswer));
  const { data: valid, error } = answer.safeParse(json);
  if (!valid) {
    const message = remark.safeParse(json).data?.error.message;
    return garbage(describe(error), message === undefined ? null : bounded(message, limits.messageLength));
  }
  if (!valid.success) {
    const { type, message, code } = valid.error;
    const wait = retryAfterMs(valid.retry_after, now, limits.retryAfterMs);
    const reply = failure(
      type,
      bounded(code ?? 'AGENT_ERROR', CODE_LENGTH),
      bounded(message, limits.messageLength),
      wait,
    );
    return { kind: 'reply', reply };
  }
  const artifacts = readArtifacts(valid.artifacts ?? [], secrets);
  if (typeof artifacts === 'string') return garbage(artifacts);
  const metadata = (valid.metadata ?? {}) as JsonObject;
  return { kind: 'reply', reply: { success: true, data: asObject(valid.data as Json, step), metadata, artifacts } };
};

/** The task token that an answer without a result has taken: `{"task_token": "..."}`. */
const takenToken = (text: string): string | undefined => taken.safeParse(parseJson(text)).data?.task_token;

const garbage = (problem: string, remark: string | null = null): ReadAnswer => ({ kind: 'garbage', problem, remark });

const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
};

export const describe = ({ issues }: z.ZodError): string =>
  issues
    .slice(0, 3)
    .map(({ path, message }) => `${path.length > 0 ? path.join('.') : 'it'}: ${message}`)
    .join('; ');

/** Outputs are laid over each other key by key, so what is no object gets the step's name for its key. */
const asObject = (data: Json | undefined, step: string): JsonObject => {
  if (data === null || data === undefined) return {};
  return typeof data === 'object' && !Array.isArray(data) ? (data as JsonObject) : { [step]: data };
};

const tooManyArtifacts = (sent: number, limit: number) => `it has ${sent} artifacts, at most ${limit} are allowed`;

type Sent = Readonly<{ name: string; content_type: string; content_base64: string }>;

/** @returns the problem where there is one */
const readArtifacts = (sent: readonly Sent[], secrets: readonly string[]): AgentArtifact[] | string => {
  if (new Set(sent.map(({ name }) => name)).size < sent.length) return 'two of its artifacts have one name';
  const artifacts: AgentArtifact[] = [];
  for (const [index, { name, content_type, content_base64 }] of sent.entries()) {
    const content = Buffer.from(content_base64, 'base64');
    // Buffer skips what it does not understand: only whole base64 comes out as it went in.
    if (content.toString('base64') !== content_base64) return `artifacts.${index}.content_base64 is not padded base64`;
    // A file is kept as it is or not at all.
    if (secrets.some((secret) => content.includes(secret)))
      return `artifacts.${index} holds a secret with which agents are called`;
    artifacts.push({ name, contentType: content_type, content });
  }
  return artifacts;
};
