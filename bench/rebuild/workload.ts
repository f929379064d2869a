/** What is run: six steps in a row, each of which returns 1 KB. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startAgentServer, succeed } from '../../test/support/agent-server.js';

const STEPS = 6;
const RESULT = 'x'.repeat(1_000);

export const startWorkload = async (directory: string) => {
  const definitions = join(directory, 'definitions');
  await mkdir(definitions);
  const steps = Array.from({ length: STEPS }, (_, index) => ({
    name: `step-${index + 1}`,
    agent: 'bench',
    timeout_minutes: 1,
  }));
  const definition = { name: 'bench', document_type: 'bench', steps };
  await writeFile(join(definitions, 'bench.json'), JSON.stringify(definition));
  const agent = await startAgentServer(({ input }) => succeed({ [input.step]: RESULT }));
  return { env: { DEFINITIONS_DIR: definitions, AGENT_BENCH_URL: agent.url }, close: agent.close };
};
