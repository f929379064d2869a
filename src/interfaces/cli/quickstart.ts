/** The main job from one command: starts everything, runs a project, shows progress, hands over the documents. */
import path from 'node:path';
import type { Caller } from '../../application/commands/caller.js';
import { aborted, calledAs, readCommandLine, runUntilSignal } from '../../composition/run-until-signal.js';
import type { Config, Server } from '../../composition/server.js';
import { runProject } from './run-project.js';
import { WorkflowClient } from './workflow-client.js';

const USAGE = `Usage: ${calledAs('quickstart')} [--project FILE] [--serve]
  --project FILE  the project's facts; its name without .json is the project id (default: the example that is shipped)
  --serve         keep the API up when the documents are there`;

const write = (line: string) => process.stdout.write(`${line}\n`);

/** As seen from here, where that is not a way up and down again. */
const shortest = (file: string): string => {
  const relative = path.relative(process.cwd(), file);
  return relative.startsWith('..') ? file : relative;
};

/** Who is asked has to be known, and so does this program: it gets a key for the time of the run. */
const KEY_HOURS = 24;
const CALLER: Caller = {
  ...{ actor: { type: 'system', id: 'quickstart' }, reason: 'one run of the quickstart' },
  ...{ idempotencyKey: null, traceparent: null },
};

/** @returns the key, null where nobody is asked; and what ends it */
const temporaryKey = async ({ app }: Server, { auth }: Config, projectId: string) => {
  if (auth === 'local') return { secret: null, end: () => Promise.resolve() };
  const { AccessOrders } = await import('../../application/access/access-orders.js');
  const { Clock } = await import('../../application/runtime/clock.js');
  const orders = app.get(AccessOrders);
  const grants = [
    { role: 'operator', projects: [projectId] },
    { role: 'auditor', projects: 'all' },
  ] as const;
  const expiresAt = new Date(app.get(Clock).now().getTime() + KEY_HOURS * 3_600_000);
  const { key, secret } = await orders.createKey({ name: 'quickstart', grants, expiresAt }, CALLER);
  return { secret, end: async () => void (await orders.order({ type: 'RevokeApiKey', id: key.id }, CALLER)) };
};

const main = async (signal: AbortSignal): Promise<number> => {
  const line = readCommandLine(USAGE, { options: { project: { type: 'string' }, serve: { type: 'boolean' } } });
  if (!line) return 0;
  const { values } = line;
  const { readConfig, startServer } = await import('../../composition/server.js');
  const { ownUrl } = await import('../../composition/http.js');
  const given = readConfig();
  const file = path.resolve(values.project ?? path.join(given.projectsDir, 'metformin.json'));
  const config: Config = {
    ...given,
    // A run that ends by itself takes any free port, so that it works beside a server on the usual one.
    port: values.serve ? given.port : 0,
    logLevel: 'warn',
  };

  write('Starting Postgres, the event log and the API ...');
  // Of this project alone: executions of others that an earlier run has left are gone on with, too.
  const projectDirs = new Map([[path.basename(file, '.json'), path.dirname(file)]]);
  const server = await startServer(config, { projectDirs, signal });
  write(`Ready at ${server.url}\n`);
  const projectId = path.basename(file, '.json');
  const key = await temporaryKey(server, config, projectId);
  try {
    const exportsDir = path.join(config.dataDir, 'exports');
    const client = new WorkflowClient(server.url, key.secret);
    const run = await runProject(client, projectId, exportsDir, write, signal);
    write(`\nExecution ${run.state}, ${run.percent} %${run.error ? `: ${run.error}` : ''}`);
    for (const name of run.files) write(`  ${shortest(name)}`);
    if (config.auditTrustedKeys === '') {
      write(
        '\nNote the key that signs this history; with it you can tell later whether it is still what was recorded:',
      );
      write(`  ${calledAs('audit')} verify --all --key ${server.signingKey}`);
    }
    if (values.serve) {
      write(
        `\nThe API is at ${server.url}: GET ${server.url}/api/v1/workflow?execution_id=${run.executionId}&include_steps=true`,
      );
      write('Ctrl-C ends it.');
      await aborted(signal);
    } else {
      write(`\nThe API again, with everything this run has left: ${calledAs('serve')}`);
      write(
        `  curl '${ownUrl({ address: config.host, port: given.port })}/api/v1/workflow?execution_id=${run.executionId}&include_steps=true'`,
      );
    }
    return run.state === 'completed' ? 0 : 1;
  } catch (error) {
    if (!signal.aborted) throw error;
    write('\nInterrupted. Nothing is lost: the same command goes on from here.');
    return 0;
  } finally {
    await key.end();
    await server.stop();
  }
};

runUntilSignal(main);
