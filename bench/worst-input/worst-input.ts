/** The processor time and the silence that one message costs an instance, whatever it holds. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { request } from 'undici';
import { startApplication } from '../application/application.js';
import { withDirectory } from '../application/engine.js';
import { startAgentServer } from '../../test/support/agent-server.js';
import { cpuSecondsOf } from '../cpu.js';
import type { BenchPostgres } from '../event-node/postgres.js';
import { table, type Section } from '../report.js';
import type { Settings } from '../settings.js';
import { shapesIn, type Shape } from './shapes.js';

const MIB = 1024 * 1024;
const REQUEST = { bytes: MIB, members: 100_000 };
const ANSWER = { bytes: 15 * MIB, members: 100_000 };
/** Others are answered within so long. */
const SILENCE_MS = 1_000;

type Figure = Readonly<{ name: string; cpuMs: number; silenceMs: number; outcome: string }>;

export const benchWorstInput = (postgres: BenchPostgres, settings: Settings): Promise<readonly Section[]> =>
  withDirectory(async (directory) => {
    const agent = await startAgent();
    const database = await postgres.database('worst_input');
    const env = { DEFINITIONS_DIR: await definitionIn(directory) };
    const app = await startApplication({ databaseUrl: database, directory, agentUrl: agent.url, env });
    const { post, start, ended } = clientOf(app.url);
    const each = async (
      shapes: readonly Shape[],
      bytes: number,
      work: (text: string, at: number) => Promise<string>,
    ) => {
      const figures: Figure[] = [];
      for (const [at, shape] of shapes.entries()) {
        const text = shape.text(bytes);
        settings.tell(shape.name);
        figures.push(await measure(app, shape.name, () => work(text, at)));
      }
      return figures;
    };
    try {
      // So that no figure is that of code that runs for the first time.
      await ended(await start('few'));
      await start('later');
      while (!agent.token()) await delay(20);
      const path = `/api/v1/workflow/tasks/${agent.token()}`;
      const requests = await each(shapesIn('{"metadata":', '}', REQUEST.members), REQUEST.bytes, (text) =>
        post('/api/v1/workflow/start', text),
      );
      const reports = await each(shapesIn('{"type":"fail","more":', '}', ANSWER.members), ANSWER.bytes, (text) =>
        post(path, text),
      );
      const [before, after] = ['{"success":true,"data":{"a":', '}}'];
      const answers = await each(shapesIn(before, after, ANSWER.members), ANSWER.bytes, async (text, at) => {
        agent.answers.set(`shape-${at}`, text);
        return ended(await start(`shape-${at}`));
      });
      return [
        section(`A request of ${REQUEST.bytes / MIB} MiB`, requests),
        section(`A report by task token, of ${ANSWER.bytes / MIB} MiB`, reports),
        section(`An answer of an agent, of ${ANSWER.bytes / MIB} MiB`, answers),
      ];
    } finally {
      await app.stop();
      await agent.close();
    }
  });

/** Sends messages to the application and reads what became of them. */
const clientOf = (url: string) => {
  const headers = { 'content-type': 'application/json' };
  const send = (path: string, body: string) => request(url + path, { method: 'POST', headers, body });
  return {
    /** @returns the status, and the code of the error */
    post: async (path: string, body: string): Promise<string> => {
      const answer = await send(path, body);
      const { error } = (await answer.body.json()) as { error?: { code?: string } };
      return `${answer.statusCode} ${error?.code ?? ''}`.trim();
    },
    start: async (project: string): Promise<string> => {
      const answer = await send(
        '/api/v1/workflow/start',
        JSON.stringify({ project_id: project, document_type: 'worst' }),
      );
      return ((await answer.body.json()) as { data: { execution: { id: string } } }).data.execution.id;
    },
    ended: async (id: string): Promise<string> => {
      for (;;) {
        const answer = await request(`${url}/api/v1/workflow?execution_id=${id}`);
        const { data } = (await answer.body.json()) as {
          data?: { execution: { current_state: string; error_code: string | null } };
        };
        const { current_state: state = '', error_code: code = null } = data?.execution ?? {};
        if (state === 'completed' || state === 'failed') return code ?? state;
        await delay(20);
      }
    },
  };
};

const measure = async (
  app: Readonly<{ url: string; pid: number }>,
  name: string,
  work: () => Promise<string>,
): Promise<Figure> => {
  const before = await cpuSecondsOf([app.pid]);
  let [silenceMs, isOver] = [0, false];
  const others = (async () => {
    while (!isOver) {
      const began = performance.now();
      await (await request(`${app.url}/health/live`)).body.dump();
      silenceMs = Math.max(silenceMs, performance.now() - began);
      await delay(5);
    }
  })();
  const outcome = await work();
  isOver = true;
  await others;
  return { name, cpuMs: ((await cpuSecondsOf([app.pid])) - before) * 1_000, silenceMs, outcome };
};

const section = (title: string, figures: readonly Figure[]): Section => {
  const sorted = figures.toSorted((a, b) => b.cpuMs - a.cpuMs);
  const rows = sorted.map(({ name, cpuMs, silenceMs, outcome }) => [
    ...[name, cpuMs.toFixed(0), silenceMs.toFixed(0), outcome],
  ]);
  const value = Math.max(...figures.map(({ silenceMs }) => silenceMs));
  return {
    title,
    table: table(['which holds', 'processor time, ms', 'longest answer of health, ms', 'outcome'], rows),
    ratios: [{ name: 'longest answer of health, ms', value, aim: `< ${SILENCE_MS}`, met: value < SILENCE_MS }],
    raw: figures,
  };
};

const definitionIn = async (directory: string): Promise<string> => {
  const definitions = join(directory, 'worst');
  await mkdir(definitions, { recursive: true });
  const steps = [{ name: 'one', agent: 'bench', timeout_minutes: 5, max_retries: 0 }];
  await writeFile(join(definitions, 'worst.json'), JSON.stringify({ name: 'worst', document_type: 'worst', steps }));
  return definitions;
};

/** Answers a project with the text that is set for it, and `later` by task token. */
const startAgent = async () => {
  const answers = new Map<string, string>();
  let token: string | undefined;
  const { url, close } = await startAgentServer(({ input, headers }, response) => {
    response.setHeader('content-type', 'application/json');
    if (input.project_id !== 'later')
      return void response.end(answers.get(input.project_id) ?? '{"success":true,"data":{}}');
    token = headers['x-task-token'] as string | undefined;
    return void response.writeHead(202).end(JSON.stringify({ task_token: token }));
  });
  return { url, answers, token: () => token, close };
};
