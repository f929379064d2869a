/** An agent that answers nothing until it is told to, and remembers when each idempotency key was asked for. */
import { startAgentServer, succeed } from '../../support/agent-server.js';

type Held = Readonly<{ key: string; at: number; aborted: () => boolean; answer: () => void }>;

export const startHeldAgent = async () => {
  const held: Held[] = [];
  let holding = true;
  const server = await startAgentServer(({ headers, input, aborted }, response) => {
    const done = succeed({ [input.step]: 'done' });
    if (!holding) return done;
    const answer = () => {
      if (response.writableEnded) return;
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(done));
    };
    held.push({ key: String(headers['idempotency-key']), at: performance.now(), aborted, answer });
    return undefined;
  });
  return {
    url: server.url,
    calls: server.calls,
    close: server.close,
    held: held as readonly Held[],
    /** As it was when it started. */
    reset: () => {
      holding = true;
      held.length = 0;
      server.forgetCalls();
    },
    /** Answers whoever waits, and all that come. */
    letGo: () => {
      holding = false;
      for (const { answer } of held) answer();
    },
  };
};
