/** Request bodies: JSON objects in UTF-8, not compressed, of a bounded size. A body without a route is not read. */
import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import type { Request } from 'express';
import type { TaskReport } from '../../../application/workflow/tasks.js';
import type { JsonObject } from '../../../domain/json.js';
import { readBody } from './body-bytes.js';
import { readJson, type BodyRules } from './read-json.js';
import { bodyTooLarge, received, Refusal } from './refusal.js';
import { groupOf } from './route-group.js';

/** Whose body it is, where it reports on a task. */
export type Task = Readonly<{ step: string; token: string }>;

/** `report`: what the body reports on its task, where the reader has read that too. */
export type ReadBody = Readonly<{ body: JsonObject; report: TaskReport | null }>;

/** Makes values of bodies. A large body is read and checked beside the thread that answers requests. */
export abstract class JsonReader {
  /** The bytes are its own from here on. @throws Refusal 400, 413; InvalidRequest for a report that is none; NotReady */
  abstract read(bytes: Uint8Array, rules: BodyRules, task: Task | null): Promise<ReadBody>;
}

/** Here and at once, which is right for what is small. */
export class JsonReadHere extends JsonReader {
  async read(bytes: Uint8Array, rules: BodyRules): Promise<ReadBody> {
    return { body: readJson(bytes, rules), report: null };
  }
}

/** How much a request may hold. An abstract class, so that it is its own injection token. */
export abstract class HttpLimits {
  /** Bytes of a body. */
  abstract readonly bodyBytes: number;
  /** Bytes of a body that is sent to one of the document agents: a checkpoint holds all that was made so far. */
  abstract readonly agentBodyBytes: number;
  /** Bytes of a body that reports on a task: as many as an agent may answer directly. */
  abstract readonly taskBodyBytes: number;
  /** Members of a body's arrays and objects, all of them together. */
  abstract readonly bodyMembers: number;
  /** The same for a body that is sent to a document agent, and for one that reports on a task. */
  abstract readonly agentBodyMembers: number;
  abstract readonly taskBodyMembers: number;
  /** Bytes of an execution's metadata, as JSON. */
  abstract readonly metadataBytes: number;
  /** Levels of objects and arrays in a body, its outermost object included. */
  abstract readonly jsonDepth: number;
  /** The same for a body that is sent to a document agent or reports on a task; above what an agent's answer may have. */
  abstract readonly agentJsonDepth: number;
}

export const defaultHttpLimits: HttpLimits = {
  bodyBytes: 1024 * 1024,
  agentBodyBytes: 32 * 1024 * 1024,
  taskBodyBytes: 16 * 1024 * 1024,
  bodyMembers: 100_000,
  agentBodyMembers: 500_000,
  taskBodyMembers: 100_000,
  metadataBytes: 64 * 1024,
  jsonDepth: 64,
  agentJsonDepth: 128,
};

type BodyLimits = BodyRules & Readonly<{ bytes: number }>;

/**
 * Reads the body of each POST that has a route. A guard: Nest runs guards once the router has found the route and before
 * the pipes look at the body, so that nothing here has to match paths.
 */
@Injectable()
export class JsonBodies implements CanActivate {
  private readonly agent: BodyLimits;
  private readonly task: BodyLimits;
  private readonly other: BodyLimits;

  /** @param stepOf the step that a task token speaks of */
  constructor(
    { agentJsonDepth: depth, ...limits }: HttpLimits,
    private readonly reader: JsonReader,
    private readonly stepOf: (token: string) => string | undefined,
  ) {
    // What this application stored before such numbers were refused goes to its own agents as it was stored.
    this.agent = { bytes: limits.agentBodyBytes, depth, members: limits.agentBodyMembers, exact: false };
    this.task = { bytes: limits.taskBodyBytes, depth, members: limits.taskBodyMembers };
    this.other = { bytes: limits.bodyBytes, depth: limits.jsonDepth, members: limits.bodyMembers };
  }

  /** @throws Refusal 400, 413, 415 */
  async canActivate(context: ExecutionContext): Promise<true> {
    const request = context.switchToHttp().getRequest<Request>();
    if (request.method === 'POST' && groupOf(request).kind !== 'form') await this.read(request);
    return true;
  }

  private async read(request: Request): Promise<void> {
    const group = groupOf(request);
    const limits = group.kind === 'agent' || group.kind === 'task' ? this[group.kind] : this.other;
    refuseHeaders(request, limits.bytes);
    const bytes = await readBody(request, limits.bytes);
    const step = group.kind === 'task' ? this.stepOf(group.token) : undefined;
    const task = group.kind === 'task' && step !== undefined ? { token: group.token, step } : null;
    const { body, report } = await this.reader.read(bytes, limits, task);
    request.body = body;
    if (report) reports.set(request, report);
  }
}

const reports = new WeakMap<Request, TaskReport>();

/** What the body of this request reports on its task, where that was read together with it. */
export const reportIn = (request: Request): TaskReport | null => reports.get(request) ?? null;

const JSON_IN_UTF8 = /^application\/json\s*(;\s*charset\s*=\s*"?utf-8"?\s*)?;?\s*$/i;

/**
 * Before a byte of the body is read. @throws Refusal 413, 415. What a browser may send to another site unasked (forms,
 * plain text) is among what is refused.
 */
const refuseHeaders = ({ headers }: Request, limit: number): void => {
  const type = headers['content-type'];
  const encoding = headers['content-encoding'];
  const length = Number(headers['content-length'] ?? 0);
  if (length > limit) throw bodyTooLarge(limit, length);
  const isEmpty = headers['transfer-encoding'] === undefined && length === 0;
  if (!isEmpty && !JSON_IN_UTF8.test(type ?? '')) throw unsupported('Content-Type', 'application/json in UTF-8', type);
  if (encoding !== undefined && encoding !== 'identity') throw unsupported('Content-Encoding', 'none', encoding);
};

const unsupported = (field: string, expected: string, value: string | undefined) =>
  new Refusal(415, 'UNSUPPORTED_MEDIA_TYPE', `${field}: expected ${expected}, got ${received(value)}`, [
    { field, expected, received: received(value) },
  ]);
