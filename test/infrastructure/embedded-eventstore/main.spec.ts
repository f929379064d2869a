/** `npm run eventstore`, from its environment. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EventStoreDBClient } from '@eventstore/db-client';
import { startChild } from '../../support/child.js';
import { eventually } from '../../support/eventually.js';
import { closeClient, collect, event, newStream } from './server-under-test.js';

const program = new URL('../../../dist/infrastructure/embedded-eventstore/main.js', import.meta.url);

test('runs on an embedded Postgres of its own, tells the advertised address, and ends cleanly', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'workflow-executor-eventstore-'));
  const environment = { DATA_DIR: dataDir, DATABASE_URL: '', PORT: '0', ESDB_ADVERTISE_HOST: 'localhost' };
  const stream = newStream();
  try {
    for (const expected of [0n, 1n]) {
      const child = startChild(program, [], environment);
      const [, url = ''] = await child.printed(/EVENTSTORE_URL=(\S+)/);
      expect(url).toMatch(/^esdb:\/\/localhost:\d+\?tls=false$/);
      const client = EventStoreDBClient.connectionString(url);
      expect((await client.appendToStream(stream, event())).nextExpectedRevision).toBe(expected);
      expect(await collect(client.readStream(stream))).toHaveLength(Number(expected) + 1);
      await child.kill('SIGTERM');
      expect(child.process.exitCode).toBe(0);
      await closeClient(client);
    }
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
});

test('says what is wrong with its environment, and ends', async () => {
  const child = startChild(program, [], { PORT: 'many', DATABASE_URL: 'postgres://127.0.0.1:1/x' });
  await child.printed(/environment is not usable[\s\S]*PORT/);
  await eventually(() => child.process.exitCode === 1);
});
