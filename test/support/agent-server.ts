/** An agent of the tests: a real HTTP server that answers as the test wants, and remembers its calls. */
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { AgentInput } from '../../src/application/agents/agents.js';

type SeenCall = Readonly<{
  path: string;
  headers: IncomingHttpHeaders;
  input: AgentInput;
  /** The body as it came. */
  text: string;
  /** Whether the caller has hung up before it got an answer. */
  aborted: () => boolean;
}>;

/** A result to send as JSON with status 200, or undefined if the handler has answered itself or never answers. */
export type Answer = (call: SeenCall, response: ServerResponse) => unknown;

export type AgentServer = Readonly<{
  url: string;
  calls: readonly SeenCall[];
  forgetCalls: () => void;
  close: () => Promise<void>;
}>;

export const succeed = (data: unknown = {}) => ({ success: true, data });
export const failWith = (type: string, code = 'TEST') => ({
  success: false,
  error: { type, code, message: `${type}!` },
});

export const startAgentServer = async (answer: Answer): Promise<AgentServer> => {
  const calls: SeenCall[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const text = Buffer.concat(chunks).toString('utf8');
      const input = JSON.parse(text) as AgentInput;
      const aborted = () => response.destroyed && !response.writableEnded;
      const call = { path: request.url ?? '', headers: request.headers, input, text, aborted };
      calls.push(call);
      const result = answer(call, response);
      if (result === undefined) return;
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(result));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const close = async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  };
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls,
    forgetCalls: () => void calls.splice(0),
    close,
  };
};
