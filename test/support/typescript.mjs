/** Lets a process run the TypeScript sources as they are: `node --import <this file> some-program.ts`. */
import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { createRequire, register } from 'node:module';
import { isMainThread } from 'node:worker_threads';
import { fileURLToPath } from 'node:url';

if (isMainThread) register(import.meta.url);

const SWC = {
  swcrc: false,
  sourceMaps: 'inline',
  jsc: {
    target: 'es2022',
    parser: { syntax: 'typescript', decorators: true },
    transform: { legacyDecorator: true, decoratorMetadata: true, useDefineForClassFields: false },
  },
  module: { type: 'es6' },
};

export async function resolve(specifier, context, next) {
  if (!context.parentURL?.endsWith('.ts') || !/^\.{1,2}\/.*\.js$/.test(specifier)) return next(specifier, context);
  try {
    return await next(specifier.replace(/\.js$/, '.ts'), context);
  } catch {
    return next(specifier, context);
  }
}

export async function load(url, context, next) {
  if (!/\.m?ts$/.test(url)) return next(url, context);
  return compile(url, await readFile(fileURLToPath(url), 'utf8'));
}

const CACHE = new URL('../../node_modules/.cache/workflow-executor/typescript/', import.meta.url);
const { version } = createRequire(import.meta.url)('@swc/core/package.json');

/** What `load` answers for this text of the file. It is kept for other processes, with what it was made from. */
export async function compile(url, text) {
  const hash = (of) => createHash('sha256').update(JSON.stringify(of)).digest('hex');
  const [kept, madeFrom] = [new URL(`${hash(url)}.js`, CACHE), `\n//${hash([version, SWC, text])}`];
  const found = await readFile(kept, 'utf8').catch(() => '');
  if (found.endsWith(madeFrom)) return { format: 'module', source: found, shortCircuit: true };
  const { transform } = await import('@swc/core');
  const { code } = await transform(text, { ...SWC, filename: fileURLToPath(url) });
  const draft = new URL(`${hash(url)}.${process.pid}`, CACHE);
  await mkdir(CACHE, { recursive: true });
  await writeFile(draft, code + madeFrom);
  await rename(draft, kept);
  return { format: 'module', source: code, shortCircuit: true };
}
