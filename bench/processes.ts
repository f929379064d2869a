/** The programs that are measured, each in a process of its own. Every one of them is ended with the bench. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

const typescript = fileURLToPath(new URL('../test/support/typescript.mjs', import.meta.url));
const START_TIMEOUT_MS = 60_000;

/** Of the programs that are started from now on. */
let node = process.execPath;

/** @param path of a Node */
export const startProgramsWith = (path: string): void => {
  node = path;
};

export type Program = Readonly<{
  /** The part of its output that matched. */
  printed: string;
  pid: number;
  residentMegabytes(): Promise<number>;
  stop(): Promise<void>;
  /** By SIGKILL. */
  kill(): Promise<void>;
}>;

/** Resolves when the program has printed something that matches. */
export async function startProgram(
  program: URL,
  ready: RegExp,
  env: NodeJS.ProcessEnv = {},
  nodeOptions: readonly string[] = [],
): Promise<Program> {
  const file = fileURLToPath(program);
  const args = [...nodeOptions, ...(file.endsWith('.ts') ? ['--import', typescript] : []), file];
  const child = spawn(node, args, {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  const killed = () => child.kill('SIGKILL');
  process.once('exit', killed);
  const stop = async () => {
    child.kill('SIGTERM');
    await exited;
    process.off('exit', killed);
  };
  const printed = await new Promise<string>((resolve, reject) => {
    let text = '';
    const late = setTimeout(() => reject(new Error(`${file} did not start: ${text}`)), START_TIMEOUT_MS);
    child.once('exit', (code) => reject(new Error(`${file} ended with code ${code}: ${text}`)));
    child.stdout.on('data', function read(chunk: Buffer) {
      text += chunk.toString();
      const match = ready.exec(text);
      if (!match) return;
      clearTimeout(late);
      // Later output is read and dropped: a full pipe would block the program.
      child.stdout.off('data', read).resume();
      resolve(match[1] ?? match[0]);
    });
  });
  return {
    printed,
    pid: child.pid!,
    residentMegabytes: () => residentMegabytesOf(child.pid!),
    stop,
    kill: async () => {
      child.kill('SIGKILL');
      await exited;
    },
  };
}

/** Runs it to its end. @throws unless it ends with 0 */
export async function runProgram(program: URL, args: readonly string[], env: NodeJS.ProcessEnv) {
  const begun = performance.now();
  const child = spawn(node, [fileURLToPath(program), ...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const parts: Buffer[] = [];
  let firstMs = 0;
  child.stdout.on('data', (part: Buffer) => {
    firstMs ||= performance.now() - begun;
    parts.push(part);
  });
  const [code] = (await once(child, 'close')) as [number | null];
  const body = Buffer.concat(parts);
  if (code !== 0) throw new Error(`${program.pathname} ended with code ${code}: ${body.toString().slice(-2_000)}`);
  return { firstMs, totalMs: performance.now() - begun, body };
}

/** Linux only. */
export const residentMegabytesOf = async (pid: number): Promise<number> =>
  Number(/VmRSS:\s+(\d+)/.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1_024;
