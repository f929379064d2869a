import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { startServer, type Server } from '../../../src/composition/server.js';
import { loadConfig } from '../../../src/infrastructure/config/config.js';
import { createTestDatabase } from '../../support/postgres.js';
import { Api } from './api.js';

export type TestApp = Readonly<{ api: Api; server: Server; databaseUrl: string; close: () => Promise<void> }>;

/** The whole application in this process: real Postgres, the embedded event store, the real client, HTTP on a free port. */
export const startTestApp = async (env: Readonly<Record<string, string>> = {}): Promise<TestApp> => {
  const database = await createTestDatabase();
  const dataDir = await mkdtemp(path.join(tmpdir(), 'test-app-'));
  const settings = {
    DATA_DIR: dataDir,
    PORT: '0',
    DATABASE_URL: database.url,
    LOG_LEVEL: 'fatal',
    SHUTDOWN_GRACE_MS: '0',
    ...env,
  };
  const server = await startServer(loadConfig(settings));
  const close = async () => {
    await server.stop();
    await database.drop();
    await rm(dataDir, { recursive: true, force: true });
  };
  return { api: new Api(server.url), server, databaseUrl: database.url, close };
};
