import type { AgentCall } from '../../application/agents/agents.js';

/** What an agent may report under, later and without a connection: the attempt's token, and where. */
export type TaskOffer = Readonly<{ token: string; url: string }>;

/** @param url whose user and password, if any, go into `authorization`, as curl does it */
export const headersOf = (call: AgentCall, url: URL, task: TaskOffer | null): Record<string, string> => ({
  'content-type': 'application/json',
  accept: 'application/json',
  'accept-encoding': 'identity',
  'user-agent': 'workflow-executor',
  'idempotency-key': call.idempotencyKey,
  traceparent: call.traceparent,
  'x-deadline': call.deadline.toISOString(),
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
export const withoutUser = (url: URL): URL => {
  const plain = new URL(url);
  plain.username = '';
  plain.password = '';
  plain.hash = '';
  return plain;
};
