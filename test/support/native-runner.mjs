/**
 * What runs a test file in Jest's stead: jest-circus as ever, but in the worker process itself, with Node's own modules.
 *
 * Jest would give each file a VM context and load everything into it anew, libraries too, and V8 would compile and warm up
 * all of it for each file: a quarter of the processor time of a run. Here a module is loaded once for each worker, so the
 * files that run in one worker share what modules keep. What a file changes of the process is put back when it is done.
 */
import { createRequire, register } from 'node:module';
import { pathToFileURL } from 'node:url';
import { ModernFakeTimers } from '@jest/fake-timers';
import circus from 'jest-circus/runner';
import { ModuleMocker } from 'jest-mock';
import './typescript.mjs';

register('./names.mjs', import.meta.url);
process.setSourceMapsEnabled(true);
const require = createRequire(import.meta.url);
const mocker = new ModuleMocker(globalThis);
const TIMEOUT = Symbol.for('TEST_TIMEOUT_SYMBOL');
/** What jest-circus and this project's registry of agents keep for a file in the process. */
const KEPT = [TIMEOUT, Symbol.for('EVENT_HANDLERS'), Symbol.for('workflow-executor.agents')];
let timers;

/** Of Jest's object what the tests use. */
globalThis.jest = {
  fn: mocker.fn.bind(mocker),
  spyOn: mocker.spyOn.bind(mocker),
  setTimeout: (ms) => void (globalThis[TIMEOUT] = ms),
  useFakeTimers: (config) => timers.useFakeTimers(config),
  useRealTimers: () => timers.useRealTimers(),
  advanceTimersByTime: (ms) => timers.advanceTimersByTime(ms),
  getTimerCount: () => timers.getTimerCount(),
  setSystemTime: (now) => timers.setSystemTime(now),
};

/** Of Jest's runtime what its adapter to jest-circus asks for. */
const runtime = {
  // Anew for each file: it holds the file's tests.
  requireInternalModule: (path) => {
    delete require.cache[path];
    return require(path);
  },
  requireModule: require,
  setGlobalsForRuntime: () => undefined,
  unstable_shouldLoadAsEsm: () => true,
  unstable_importModule: (path) => import(pathToFileURL(path).href),
  enterTestCode: () => undefined,
  leaveTestCode: () => undefined,
};

export default async function runTestFile(globalConfig, config, environment, _runtime, path, sendMessageToJest) {
  const putBack = remember();
  timers = new ModernFakeTimers({ config, global: globalThis });
  globalThis.console = environment.global.console;
  // Node knows the source maps of what it has loaded, Jest does not; and production has stacks of this length.
  Object.assign(Error, { prepareStackTrace: undefined, stackTraceLimit: 10 });
  try {
    return await circus.default(globalConfig, config, { global: globalThis }, runtime, path, sendMessageToJest);
  } finally {
    mocker.restoreAllMocks();
    putBack();
  }
}

function remember() {
  const { console } = globalThis;
  const { prepareStackTrace, stackTraceLimit } = Error;
  const [environment, directory] = [{ ...process.env }, process.cwd()];
  return () => {
    Object.assign(Error, { prepareStackTrace, stackTraceLimit });
    globalThis.console = console;
    process.chdir(directory);
    for (const name of Object.keys(process.env)) if (!(name in environment)) delete process.env[name];
    Object.assign(process.env, environment);
    for (const symbol of KEPT) delete globalThis[symbol];
  };
}
