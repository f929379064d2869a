#!/usr/bin/env node
/** `workflow`: one command for everything that the programs of this package do. */
import { exitCodeOf } from './exit.js';
import { usage } from './usage.js';
import { VERBS } from './verbs.js';

const [name = '', ...args] = process.argv.slice(2);

const wrong = (message: string): number => {
  process.stderr.write(`${message}\n\n${usage()}\n`);
  return 2;
};

/** As in `workflow list | head`: who reads has enough. */
const endWithReader = (error: NodeJS.ErrnoException): void => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
};

const version = async (): Promise<number> => {
  const { packageVersion } = await import('../../../composition/package-version.js');
  process.stdout.write(`${packageVersion()}\n`);
  return 0;
};

const run = async (): Promise<number | null> => {
  if (name === '--help' || name === '-h' || name === 'help') {
    process.stdout.write(`${usage()}\n`);
    return 0;
  }
  if (name === '--version') return version();
  if (name === '') return wrong('Expected a verb, got none.');
  const verb = VERBS.find((each) => each.name === name);
  if (!verb) return wrong(`Expected a verb of the list, got ${JSON.stringify(name.slice(0, 80))}.`);
  if (verb.run) {
    process.stdout.on('error', endWithReader);
    return verb.run(args);
  }
  // The program reads its arguments where every program does, and ends by itself.
  process.argv = [process.argv[0]!, process.argv[1]!, ...args];
  await verb.load?.();
  return null;
};

run().then(
  (code) => {
    if (code !== null) process.exitCode = code;
  },
  (error: unknown) => {
    process.exitCode = exitCodeOf(error, args.includes('--json'));
  },
);
