/** The application as a bench uses it: workflows run to their end, requests made, time taken. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { Pool } from 'undici';
import { startOurs } from '../peers/contenders/ours.js';
import { inFlightAlways } from '../peers/in-flight.js';

const setup = (databaseUrl: string, directory: string, inFlight: number) => ({
  ...{ contender: 'ours', databaseUrl, directory, agentUrl: null, inFlight },
  ...{ warmUp: 0, alone: 0, workflows: 0, pids: [] },
});

/** Gives `work` a directory that is removed afterwards. */
export const withDirectory = async <Result>(work: (directory: string) => Promise<Result>): Promise<Result> => {
  const directory = await mkdtemp(join(tmpdir(), 'workflow-executor-bench-data-'));
  try {
    return await work(directory);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
};

/** Workflows `first` to `first + count`, after `warmUp` others. @returns workflows per second, the read tables caught up */
export const throughput = (
  databaseUrl: string,
  counts: Readonly<{ first: number; warmUp: number; count: number; inFlight: number }>,
): Promise<number> =>
  withDirectory(async (directory) => {
    const { first, warmUp, count, inFlight } = counts;
    const engine = await startOurs(setup(databaseUrl, directory, inFlight), 1);
    try {
      await inFlightAlways(engine, first, warmUp, inFlight);
      await engine.settled?.();
      const began = performance.now();
      await inFlightAlways(engine, first + warmUp, count, inFlight);
      await engine.settled?.();
      return (count * 1_000) / (performance.now() - began);
    } finally {
      await engine.stop();
    }
  });

export const withDatabase = async <Result>(databaseUrl: string, work: (client: pg.Client) => Promise<Result>) => {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
};

/** JSON over a pool of connections. */
export const requests = (url: string, connections: number, more: Readonly<Record<string, string>> = {}) => {
  const pool = new Pool(url, { connections });
  const ask = async (method: 'GET' | 'POST', path: string, body?: object): Promise<unknown> => {
    const headers = { 'content-type': 'application/json', ...more };
    const answer = await pool.request({ method, path, headers, body: body && JSON.stringify(body) });
    const text = await answer.body.text();
    if (answer.statusCode >= 300) throw new Error(`${method} ${path}: ${answer.statusCode} ${text}`);
    return JSON.parse(text);
  };
  return { ask, close: () => pool.close() };
};
