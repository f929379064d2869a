import { fork } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TestedNode } from '../nodes.js';
import type { Measured, Setup } from './contender.js';

const program = fileURLToPath(new URL('./run.ts', import.meta.url));
const typescript = fileURLToPath(new URL('../../test/support/typescript.mjs', import.meta.url));
const DEADLINE_MS = 600_000;
/** Of what it has printed; the error holds it where the contender fails. */
const PRINTED_CHARACTERS = 4_000;

type Answer = Readonly<{ measured: Measured } | { error: string }>;

/** Runs a contender in a process of its own, on that Node, which ends when it has answered, and with this one. */
export async function takeTurn(setup: Omit<Setup, 'directory'>, { path }: TestedNode): Promise<Measured> {
  const directory = await mkdtemp(join(tmpdir(), 'workflow-executor-bench-peer-'));
  const stdio = ['ignore' as const, 'ignore' as const, 'pipe' as const, 'ipc' as const];
  const child = fork(program, { execPath: path, execArgv: ['--import', typescript], stdio });
  let printed = '';
  child.stderr?.on('data', (chunk: Buffer) => (printed = (printed + chunk.toString()).slice(-PRINTED_CHARACTERS)));
  const late = setTimeout(() => child.disconnect(), DEADLINE_MS);
  try {
    return await new Promise<Measured>((resolve, reject) => {
      child.once('exit', (code) => reject(new Error(`${setup.contender} ended with code ${code}\n${printed}`)));
      child.once('message', (answer: Answer) =>
        'measured' in answer
          ? resolve(answer.measured)
          : reject(new Error(`${setup.contender}: ${answer.error}\n${printed}`)),
      );
      child.send({ ...setup, directory } satisfies Setup);
    });
  } finally {
    clearTimeout(late);
    if (child.exitCode === null && child.signalCode === null)
      await new Promise((resolve) => child.once('exit', resolve));
    await rm(directory, { recursive: true, force: true });
  }
}
