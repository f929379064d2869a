import type { parseArgs, ParseArgsConfig } from 'node:util';
import { EXIT_USAGE, readCommandLine, UsageError } from '../../src/infrastructure/system/command-line.js';

/** The arguments of a trial. Ends the process where help is asked for or an argument is unknown, before anything is started. */
export const commandLine = <const Config extends ParseArgsConfig>(
  usage: string,
  config: Config,
): ReturnType<typeof parseArgs<Config>> => {
  try {
    return readCommandLine(usage, config) ?? process.exit(0);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    console.error(error.message);
    return process.exit(EXIT_USAGE);
  }
};
