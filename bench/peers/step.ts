/** A step as the peers run it: variant A in their own process, variant B by POST to the agent's server. */
import { Pool } from 'undici';
import { resultOf, stepName, workflowName } from './work.mjs';

export type Steps = Readonly<{
  run: (workflow: number, step: number) => Promise<string>;
  close: () => Promise<void>;
}>;

export const stepsOf = ({ agentUrl, inFlight }: Readonly<{ agentUrl: string | null; inFlight: number }>): Steps => {
  if (agentUrl === null)
    return { run: async (workflow, step) => resultOf(workflow, step), close: async () => undefined };
  const pool = new Pool(agentUrl, { connections: inFlight });
  return {
    run: async (workflow, step) => {
      const body = JSON.stringify({ project_id: workflowName(workflow), step: stepName(step) });
      const headers = { 'content-type': 'application/json' };
      const answer = await pool.request({ method: 'POST', path: '/', headers, body });
      if (answer.statusCode !== 200) throw new Error(`The agent's server answered ${answer.statusCode}`);
      return ((await answer.body.json()) as { data: string }).data;
    },
    close: () => pool.close(),
  };
};
