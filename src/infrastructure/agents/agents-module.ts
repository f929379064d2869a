import { reasonOf } from '../../application/runtime/errors.js';
import { stat } from 'node:fs/promises';
import nodeModule from 'node:module';
import { extname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { registeredAgents } from './registry.js';

type AgentsModuleOptions = Readonly<{
  /** How long the module may take to load, its top-level `await`s included. */
  loadTimeoutMs?: number;
  /** Whether this Node strips the types of TypeScript by itself. */
  stripsTypes?: boolean;
}>;

/** Of TypeScript that Node can run where it strips the types. `.tsx` and `.cts` it does not, or not as an ES module. */
const TYPESCRIPT = ['.ts', '.mts'];
const ENDINGS = ['.js', '.mjs', ...TYPESCRIPT];

/** From Node 22.18 on: `strip` or `transform`; false, or not there at all, where Node runs JavaScript alone. */
const nodeStripsTypes = (): boolean => Boolean((process.features as { typescript?: string | false }).typescript);

/** What the guide's example imports from, and this package's name. */
const ALIAS = '@/lib/workflow/executor';
const NAMES = ['workflow-executor', ALIAS];

/**
 * Loads the module that AGENTS_MODULE names, so that it can call registerAgent().
 * @param path of a .js or .mjs file (an ES module), or of a .ts or .mts file where Node strips types; absolute or relative to
 * the working directory
 * @returns the names of all registered agents
 * @throws Error that says what is wrong: missing, not an ES module, TypeScript that this Node does not run, throws, or registers
 * nothing
 */
export const loadAgentsModule = async (path: string, options: AgentsModuleOptions = {}): Promise<readonly string[]> => {
  const { loadTimeoutMs = 30_000, stripsTypes = nodeStripsTypes() } = options;
  const file = resolve(path);
  const wrong = (problem: string, cause?: unknown) =>
    new Error(`AGENTS_MODULE: expected an ES module that calls registerAgent(), but ${file} ${problem}`, { cause });
  const ending = extname(file);
  if (!ENDINGS.includes(ending)) throw wrong(`does not end in ${ENDINGS.join(', ')}. Rename it, or compile it first`);
  if (TYPESCRIPT.includes(ending) && !stripsTypes)
    throw wrong(
      `is TypeScript, of which Node ${process.versions.node} does not strip the types. Run Node 22.18 or newer, or compile the ` +
        'file first and name the .js or .mjs that comes of it',
    );
  const found = await stat(file).catch(() => undefined);
  if (!found?.isFile()) throw wrong('is not a file. Check the path; a relative one starts at the working directory');
  makeNamesResolve();
  try {
    await within(loadTimeoutMs, import(pathToFileURL(file).href));
  } catch (error) {
    throw wrong(`could not be loaded: ${reasonOf(error)}`, error);
  }
  const names = [...registeredAgents().keys()];
  if (names.length === 0) throw wrong(`registers nothing. Call registerAgent('my_agent', async (input) => ...) in it`);
  return names;
};

type Resolve = (specifier: string, context: unknown, next: (specifier: string, context: unknown) => unknown) => unknown;

/** The successor of `register`, from Node 22.15 on. */
const { registerHooks } = nodeModule as { registerHooks?: (hooks: { resolve: Resolve }) => void };

/**
 * The user's file may lie where Node's own rules find no package of our name, and `@/lib/...` is an alias of the user's
 * build: both names lead to this very copy, for the whole process. Nothing happens where the alias is known already, as in a
 * second call or in a test runner that maps it.
 */
const makeNamesResolve = (): void => {
  if (resolves(ALIAS)) return;
  // This file's own ending: the sources may be run as they are.
  const root = new URL(`../../index${extname(import.meta.url)}`, import.meta.url).href;
  if (registerHooks) {
    registerHooks({
      resolve: (specifier, context, next) => next(NAMES.includes(specifier) ? root : specifier, context),
    });
    return;
  }
  // A data: URL, as Node runs these hooks in a thread of their own, outside whatever loads this file.
  const hook = `
    let names, root;
    export const initialize = (data) => ({ names, root } = data);
    export const resolve = (specifier, context, next) => next(names.includes(specifier) ? root : specifier, context);
  `;
  nodeModule.register(`data:text/javascript,${encodeURIComponent(hook)}`, { data: { names: NAMES, root } });
};

const resolves = (specifier: string): boolean => {
  try {
    import.meta.resolve(specifier);
    return true;
  } catch {
    return false;
  }
};

const within = async <T>(ms: number, loading: Promise<T>): Promise<T> => {
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`it was not loaded within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([loading, tooLate]);
  } finally {
    clearTimeout(timer);
  }
};
