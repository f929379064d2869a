import type { ServerResponse } from 'node:http';
import { failWith, startAgentServer, succeed } from '../../support/agent-server.js';

/** `hold`: answers when the test releases it; `later`: a transient error with a Retry-After of ten minutes. */
export type Script = Readonly<Record<string, 'hold' | 'later' | 'validation'>>;

/** The guide's agents as a server that answers each project's steps as its script says; steps that the script does not name succeed. */
export const startScriptedAgents = async () => {
  const scripts = new Map<string, Script>();
  const held = new Map<string, ServerResponse>();
  const server = await startAgentServer(({ input }, response) => {
    switch (scripts.get(input.project_id)?.[input.step]) {
      case 'hold':
        held.set(`${input.execution_id}/${input.step}`, response);
        return undefined;
      case 'later':
        return { ...failWith('transient'), retry_after: 600 };
      case 'validation':
        return failWith('validation', 'MISSING_DATA');
      case undefined:
        return succeed({ [input.step]: 'done' });
    }
  });
  const release = (executionId: string, step: string): void => {
    const response = held.get(`${executionId}/${step}`);
    if (!response) throw new Error(`No call waits for step ${step} of ${executionId}`);
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(succeed({ [step]: 'done' })));
  };
  return { url: server.url, calls: server.calls, close: server.close, scripts, release };
};
