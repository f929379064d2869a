/** An agent that answers no call until the test says so, and remembers when each idempotency key arrived. */
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
    /** Returns to the state after the start. */
    reset: () => {
      holding = true;
      held.length = 0;
      server.forgetCalls();
    },
    /** Answers all calls that wait, and all later ones. */
    letGo: () => {
      holding = false;
      for (const { answer } of held) answer();
    },
  };
};
