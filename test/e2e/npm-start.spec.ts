import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { eventually } from '../support/eventually.js';
import { createTestDatabase } from '../support/postgres.js';

test('npm that is told to end takes the application with it', async () => {
  const database = await createTestDatabase();
  const cwd = fileURLToPath(new URL('../..', import.meta.url));
  const npm = spawn('npm', ['start'], { cwd, env: { ...process.env, PORT: '0', DATABASE_URL: database.url } });
  let output = '';
  npm.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const [, url = ''] = await eventually(() => /The API is at (http:\/\/[^"\s]+)/.exec(output) ?? false, {
    deadlineMs: 60_000,
  });
  expect((await fetch(`${url}/health/live`)).status).toBe(200);
  npm.kill('SIGTERM');
  await once(npm, 'exit');
  await eventually(() =>
    fetch(`${url}/health/live`).then(
      () => false,
      () => true,
    ),
  );
  await database.drop();
}, 90_000);
