/** What a program was called with: its arguments are read whole before anything is loaded or started. */
import { parseArgs, type ParseArgsConfig } from 'node:util';

/** The caller has to write the line differently: programs print it and end with `EXIT_USAGE`. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

export const EXIT_USAGE = 2;

/** How the operator calls a verb from where this program was called: as a script of npm in a checkout, or as `workflow`. */
export const calledAs = (verb: string, env: NodeJS.ProcessEnv = process.env): string => {
  const isScript = env['npm_package_name'] === 'workflow-executor' && !BY_COMMAND.has(env['npm_lifecycle_event']);
  if (!isScript) return `workflow ${verb}`;
  return verb === 'serve' ? 'npm start' : `npm run ${verb} --`;
};

const BY_COMMAND: ReadonlySet<string | undefined> = new Set([undefined, 'npx', 'workflow']);

const HELP = { help: { type: 'boolean', short: 'h' } } as const;

type Given<Config extends ParseArgsConfig> = ReturnType<typeof parseArgs<Config>>;

/**
 * The arguments as `config` describes them, which need not describe `--help`.
 * @returns null where help was asked for: the usage is printed then
 * @throws UsageError for an argument that is not described
 */
export const readCommandLine = <const Config extends ParseArgsConfig>(
  usage: string,
  config: Config,
  args: readonly string[] = process.argv.slice(2),
): Given<Config> | null => {
  let given: Given<Config>;
  try {
    given = parseArgs({ ...config, args: [...args], options: { ...config.options, ...HELP } }) as Given<Config>;
  } catch (error) {
    throw new UsageError(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`, { cause: error });
  }
  if (!(given.values as { help?: boolean }).help) return given;
  process.stdout.write(`${usage}\n`);
  return null;
};
