/** A program of the tests in a process of its own, so that it can be killed or signalled. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { eventually, type Patience } from './eventually.js';

const typescript = fileURLToPath(new URL('./typescript.mjs', import.meta.url));

export type Child = Readonly<{
  process: ChildProcess;
  /** All output so far. */
  output(): string;
  /** Waits until the output matches. */
  printed(pattern: RegExp, patience?: Patience): Promise<RegExpExecArray>;
  /** Sends `signal` and waits for its end. */
  kill(signal: NodeJS.Signals): Promise<void>;
}>;

/** @param program a TypeScript file, or a built one; it leads a process group of its own */
export function startChild(program: URL, args: readonly string[] = [], env: NodeJS.ProcessEnv = {}): Child {
  const file = fileURLToPath(program);
  const node = [...(file.endsWith('.ts') ? ['--import', typescript] : []), file, ...args];
  const child = spawn(process.execPath, node, { detached: true, env: { ...process.env, ...env } });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
  const ended = once(child, 'exit');
  return {
    process: child,
    output: () => text,
    printed: (pattern, patience) =>
      eventually(() => {
        const match = pattern.exec(text);
        if (!match) throw new Error(`Expected the child to print ${pattern}, it printed: ${text || '(nothing)'}`);
        return match;
      }, patience),
    kill: async (signal) => {
      child.kill(signal);
      await ended;
    },
  };
}
