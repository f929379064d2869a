import { STATUS_CODES } from 'node:http';
import type { Dispatcher } from 'undici';
import { deferred, type AgentCall, type AgentReply, type Deferred } from '../../application/agents/agents.js';
import type { Clock } from '../../application/runtime/clock.js';
import type { ErrorType } from '../../domain/workflow/retry-policy.js';
import { OutgoingHttp } from '../system/outgoing-http.js';
import type { CallCredentials } from './agent-credentials.js';
import { shown } from './agent-urls.js';
import { type ReadAnswer, readAnswerHere, type AnswerRead, type AnswerReader } from './answer.js';
import { connectionFailure } from './connection-failure.js';
import { bounded, failure, retryAfterMs, sentAt, unlessAborted } from './failures.js';
import { hideIn } from './hidden-secrets.js';
import type { AgentLimits } from './limits.js';

const TRANSIENT = new Set([408, 425, 429]);
const VALIDATION = new Set([400, 409, 413, 422]);

/** What a status means where the body names no error type: whether the same call may succeed later, or with other input. */
const errorTypeOf = (status: number): ErrorType => {
  if (TRANSIENT.has(status)) return 'transient';
  if (VALIDATION.has(status)) return 'validation';
  if (status === 501) return 'fatal';
  // A method, a path or a credential that is wrong stays wrong until an operator changes the configuration.
  return status >= 400 && status < 500 ? 'fatal' : 'transient';
};

const describeStatus = (status: number): string => `${status} ${STATUS_CODES[status] ?? ''}`.trim();

const isRedirect = (status: number): boolean => status >= 300 && status < 400;
const isSuccess = (status: number): boolean => status >= 200 && status < 300;

/** What an agent may report under, later and without a connection: the attempt's token, and where. */
type TaskOffer = Readonly<{ token: string; url: string }>;

/** @param url whose user and password, if any, go into `authorization`, as curl does it */
const headersOf = (call: AgentCall, url: URL, task: TaskOffer | null, now: Date): Record<string, string> => ({
  'content-type': 'application/json',
  accept: 'application/json',
  'accept-encoding': 'identity',
  'user-agent': 'workflow-executor',
  'idempotency-key': call.idempotencyKey,
  traceparent: call.traceparent,
  'x-deadline': call.deadline.toISOString(),
  'x-timeout-ms': String(Math.max(0, call.deadline.getTime() - now.getTime())),
  ...(task && { 'x-task-token': task.token, 'x-task-url': task.url }),
  ...authorization(url),
});

const authorization = ({ username, password }: URL): Record<string, string> => {
  if (!username && !password) return {};
  const credentials = Buffer.from(`${unescaped(username)}:${unescaped(password)}`).toString('base64');
  return { authorization: `Basic ${credentials}` };
};

const unescaped = (part: string): string => {
  try {
    return decodeURIComponent(part);
  } catch {
    // A stray `%`, which a URL may have: taken as it stands.
    return part;
  }
};

/** What is requested: user and password travel in a header only. */
const withoutUser = (url: URL): URL => {
  const plain = new URL(url);
  plain.username = '';
  plain.password = '';
  plain.hash = '';
  return plain;
};

/** @param body as it is sent: a signature is made of it */
export type CredentialsFor = (call: AgentCall, url: URL, body: string) => Promise<CallCredentials>;

/** The secrets that the answer of a call must not bring into a history, and whether it may take the task that was offered. */
type Asked = Readonly<{ call: AgentCall; task: TaskOffer | null; secrets: readonly string[] }>;

/**
 * Calls agents over HTTP: POST of the input as JSON, with the headers `Idempotency-Key`, `traceparent` and `X-Deadline`
 * (when the attempt times out, ISO-8601 UTC), `X-Timeout-Ms` (the same as a span), and with a task offer: an agent that answers 202 and
 * `{"task_token": <X-Task-Token>}` has taken it. Once connected, only the call's signal ends a call, before the headers or in
 * the body. A kept connection that the agent closes in between is not the agent's failure. Redirects are not followed, so no
 * credentials reach another server; compressed answers are not read.
 */
export class HttpAgents {
  private readonly outgoing: OutgoingHttp;

  constructor(
    private readonly clock: Clock,
    private readonly limits: AgentLimits,
    private readonly offer: (call: AgentCall) => TaskOffer | null = () => null,
    private readonly readAnswer: AnswerReader = readAnswerHere,
    private readonly credentialsFor: CredentialsFor = async () => ({ headers: {}, secrets: [] }),
  ) {
    const connections = {
      // Undici's own are 300 s; an agent may take longer.
      headersTimeout: 0,
      bodyTimeout: 0,
      connections: limits.connectionsPerOrigin,
      keepAliveTimeout: limits.idleConnectionMs,
      keepAliveMaxTimeout: limits.idleConnectionMs,
      maxResponseSize: limits.answerBytes,
    };
    this.outgoing = new OutgoingHttp(connections, () => ({ timeout: limits.connectTimeoutMs }));
  }

  /** Never throws. */
  call(call: AgentCall, url: URL): Promise<AgentReply | Deferred> {
    return unlessAborted(call, () => this.send(call, url));
  }

  /** Ends the calls that are in flight. */
  async close(): Promise<void> {
    await this.outgoing.destroy();
  }

  private async send(call: AgentCall, url: URL): Promise<AgentReply | Deferred> {
    const where = `Agent "${call.agent}" at ${shown(url)}`;
    try {
      const task = this.offer(call);
      const body = JSON.stringify(call.input);
      const bytes = Buffer.byteLength(body);
      if (bytes > this.limits.requestBytes) return tooLarge(where, bytes, this.limits.requestBytes);
      const { headers, secrets } = await this.credentialsFor(call, url, body);
      // The files may have taken their time.
      call.signal.throwIfAborted();
      const sent = {
        headers: { ...headersOf(call, url, task, this.clock.now()), ...headers },
        body,
        signal: call.signal,
      };
      const response = await this.outgoing.post(withoutUser(url), sent);
      return await this.read(where, { call, task, secrets }, response);
    } catch (error) {
      return connectionFailure(where, error, this.limits);
    }
  }

  private async read(where: string, asked: Asked, response: Dispatcher.ResponseData): Promise<AgentReply | Deferred> {
    const { statusCode: status, headers } = response;
    const now = this.clock.now();
    const sent = sentAt(headers.date, now);
    const wait = retryAfterMs([headers['retry-after']].flat()[0], sent, this.limits.retryAfterMs);
    const fail = (type: Parameters<typeof failure>[0], code: string, text: string) =>
      failure(type, code, bounded(hideIn(`${where}: ${text}`, asked.secrets), this.limits.messageLength), wait);
    if (isRedirect(status)) {
      discard(response);
      return fail(
        'fatal',
        'REDIRECT',
        `expected an answer, got ${describeStatus(status)}, which is not followed. Set the agent's final URL`,
      );
    }
    const answer = await this.answerOf(asked, response, now);
    if (answer.kind === 'taken') return deferred;
    // An agent that names the class of its error knows better than the status.
    if (answer.kind === 'reply' && !answer.reply.success)
      return { ...answer.reply, retryAfterMs: answer.reply.retryAfterMs ?? wait };
    if (!isSuccess(status)) {
      const remark = answer.kind === 'garbage' && answer.remark ? `. It says: ${answer.remark}` : '';
      return fail(errorTypeOf(status), `HTTP_${status}`, `expected status 200, got ${describeStatus(status)}${remark}`);
    }
    if (answer.kind === 'reply') return answer.reply;
    return fail(
      'transient',
      'INVALID_ANSWER',
      `expected JSON like {"success": true, "data": {...}}, got ${contentOf(headers, asked.secrets)}, but ${answer.problem}`,
    );
  }

  /** @throws what undici throws when a successful answer breaks off; a status of another kind counts without its body */
  private async answerOf(
    { call, task, secrets }: Asked,
    response: Dispatcher.ResponseData,
    now: Date,
  ): Promise<AnswerRead> {
    const garbage = (problem: string): ReadAnswer => ({ kind: 'garbage', problem, remark: null });
    const encoding = response.headers['content-encoding'];
    if (encoding !== undefined && encoding !== 'identity') {
      discard(response);
      return garbage('it is compressed, which was not asked for');
    }
    let bytes: Uint8Array;
    try {
      bytes = await response.body.bytes();
    } catch (error) {
      if (isSuccess(response.statusCode)) throw error;
      return garbage('it breaks off');
    }
    const token = response.statusCode === ACCEPTED && task !== null ? task.token : null;
    return this.readAnswer(bytes, { context: { step: call.input.step, now, limits: this.limits, secrets }, token });
  }
}

const ACCEPTED = 202;

/** Ends the response unread; its connection is not used again. */
const discard = ({ body }: Dispatcher.ResponseData): void => {
  body.on('error', () => undefined).destroy();
};

const contentOf = (headers: Dispatcher.ResponseData['headers'], secrets: readonly string[]): string =>
  hideIn(String(headers['content-type'] ?? 'an answer without a content-type'), secrets).slice(0, 100);

const tooLarge = (where: string, bytes: number, limit: number): AgentReply =>
  failure(
    'validation',
    'REQUEST_TOO_LARGE',
    `${where}: its input has ${bytes} bytes, at most ${limit} are sent. Make the metadata or the earlier steps' output smaller`,
  );
