/** `npm run eventstore`, from its environment. */
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from '../../../src/infrastructure/eventstore/connect.js';
import { bundled, startChild } from '../../support/child.js';
import { eventually } from '../../support/eventually.js';
import { closeClient, collect, event, newStream } from './server-under-test.js';

const program = bundled(new URL('../../../dist/infrastructure/embedded-eventstore/main.js', import.meta.url));

test('runs on an embedded Postgres of its own, tells the advertised address, and ends cleanly', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'workflow-executor-eventstore-'));
  const environment = { DATA_DIR: dataDir, DATABASE_URL: '', PORT: '0', ESDB_ADVERTISE_HOST: 'localhost' };
  const password = join(dataDir, 'password');
  await writeFile(password, 'given-by-an-operator\n', { mode: 0o600 });
  const stream = newStream();
  try {
    for (const expected of [0n, 1n]) {
      const child = startChild(program, [], { ...environment, ESDB_PASSWORD_FILE: password });
      const [, file = ''] = await child.printed(/EVENTSTORE_URL="\$\(cat '([^']+)'\)"/);
      const url = (await readFile(file, 'utf8')).trim();
      expect(url).toMatch(/^esdb:\/\/executor:[\w-]{43}@localhost:\d+\?tls=false$/);
      expect((await stat(file)).mode & 0o777).toBe(0o600);
      const client = connect(url);
      expect((await client.appendToStream(stream, event())).nextExpectedRevision).toBe(expected);
      expect(await collect(client.readStream(stream))).toHaveLength(Number(expected) + 1);
      const given = connect(url.replace(/:[\w-]{43}@/, ':given-by-an-operator@'));
      expect(await collect(given.readStream(stream))).toHaveLength(Number(expected) + 1);
      await closeClient(given);
      await child.kill('SIGTERM');
      expect(child.process.exitCode).toBe(0);
      expect(child.output()).not.toContain(new URL(url).password);
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

test.each([
  [{ HOST: '0.0.0.0' }, /loopback address[^]*tunnel with TLS[^]*HOST/],
  [{ ALLOW_UNAUTHENTICATED_NETWORK: 'true' }, /loopback only[^]*ALLOW_UNAUTHENTICATED_NETWORK/],
])('listens on loopback only: %j ends the start', async (given, expected) => {
  const child = startChild(program, [], { ...given, PORT: '0', DATABASE_URL: 'postgres://127.0.0.1:1/x' });
  await child.printed(expected);
  await eventually(() => child.process.exitCode === 1);
});
