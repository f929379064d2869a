import { Logger } from '@nestjs/common';
import type { Config } from '../infrastructure/config/config.js';
import { openFilesLimit } from '../infrastructure/system/open-files.js';
import { Connections } from '../interfaces/http/server/connections.js';

/** What a process that has started holds besides connections: files, pipes, threads, the embedded servers. */
const FILES_OF_ITS_OWN = 256;

/** @returns how many connections there may be, and what the log has to say of it where that is less than the setting */
export const connectionRoom = (
  config: Config,
  files = openFilesLimit(),
): Readonly<{ open: number; warning: string | undefined }> => {
  const { maxConnections: wanted } = config;
  const kept = FILES_OF_ITS_OWN + outgoing(config);
  if (files === undefined || files >= wanted + kept) return { open: wanted, warning: undefined };
  const open = Math.max(1, files - kept);
  const warning =
    `File descriptors: expected a limit of at least ${wanted + kept} open files for MAX_CONNECTIONS=${wanted}, got ${files}, ` +
    `which is enough for ${open} connections: that is the limit now. Raise it with \`ulimit -n\`, or lower MAX_CONNECTIONS`;
  return { open, warning };
};

/** Connections to agents, receivers and the database: three things of a process have connections of their own to it. */
const outgoing = (config: Config): number =>
  config.sagaMaxConcurrentSteps + config.webhookMaxConcurrentDeliveries + 3 * config.databasePoolSize;

export const connections = (config: Config): Connections => {
  const logger = new Logger('Connections');
  const { open, warning } = connectionRoom(config);
  if (warning !== undefined) logger.warn(warning);
  const limits = { open, headersMs: config.headersTimeoutMs, requestMs: config.requestTimeoutMs };
  return new Connections(limits, (line) => logger.warn(line));
};
