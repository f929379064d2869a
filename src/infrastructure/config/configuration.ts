/** Registers the settings with Nest: `@Inject(CONFIG) private readonly config: Config`. */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type DynamicModule, Logger } from '@nestjs/common';
import { ConfigModule, registerAs } from '@nestjs/config';
import { type Config, loadConfig } from './config.js';
import { startupWarnings } from './rules.js';

const PACKAGE = fileURLToPath(new URL('../../..', import.meta.url));

/**
 * The settings of this process, from its environment and the .env file of its working directory.
 * @param over variables that count instead of those of the environment
 * @throws ConfigurationError that lists everything that is wrong
 */
export function readConfig(over: Readonly<Record<string, string>> = {}): Config {
  const envFile = existsSync('.env') ? readFileSync('.env', 'utf8') : '';
  return loadConfig({ ...process.env, ...over }, envFile, process.cwd(), PACKAGE);
}

const NAME = 'workflow-executor';

/** The injection token. */
export const CONFIG = registerAs(NAME, readConfig).KEY;

/** `config` as the whole application sees it. The .env file has been read by then, so Nest does not read it again. */
export function configurationModule(config: Config): Promise<DynamicModule> {
  for (const warning of startupWarnings(config)) new Logger('Configuration').warn(warning);
  return ConfigModule.forRoot({
    isGlobal: true,
    ignoreEnvFile: true,
    skipProcessEnv: true,
    load: [registerAs(NAME, () => config)],
  });
}
