/** A program of the tests in a process of its own, so that it can be killed or signalled. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { eventually, type Patience } from './eventually.js';

const typescript = fileURLToPath(new URL('./typescript.mjs', import.meta.url));

const folder = (name: string) => new URL(`../../${name}/`, import.meta.url).href;
const [DIST, BUNDLE] = [folder('dist'), folder('.dist-test')];
const hashIn = (directory: string): string | null => {
  const file = new URL('.source-hash', directory);
  return existsSync(file) ? readFileSync(file, 'utf8') : null;
};
let isFresh: boolean | undefined;

/** The same program as `bundle.mjs` has made it, which starts in half the time; where there is none, the built one itself. */
export const bundled = (program: URL): URL => {
  isFresh ??= hashIn(BUNDLE) !== null && hashIn(BUNDLE) === hashIn(DIST);
  return isFresh ? new URL(program.href.replace(DIST, BUNDLE)) : program;
};

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
