import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { eventually } from '../support/eventually.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';

const cwd = fileURLToPath(new URL('../..', import.meta.url));
let database: TestDatabase;
const started: ChildProcess[] = [];
beforeAll(async () => void (database = await createTestDatabase()));
afterAll(async () => {
  for (const npm of started) npm.kill('SIGKILL');
  await database.drop();
});

const npmStart = async (more: Readonly<Record<string, string>>) => {
  const env = { ...process.env, PORT: '0', DATABASE_URL: database.url, ...more };
  const npm = spawn('npm', ['start'], { cwd, env });
  started.push(npm);
  let output = '';
  npm.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const [, url = ''] = await eventually(() => /The API is at (http:\/\/[^"\s]+)/.exec(output) ?? false, {
    deadlineMs: 60_000,
  });
  return { npm, url };
};

const answers = (url: string) =>
  fetch(`${url}/health/live`).then(
    ({ status }) => status === 200,
    () => false,
  );

test('npm that gets SIGTERM exits after the application, with its exit code; the application logs the address that it binds', async () => {
  const { npm, url } = await npmStart({ HOST: '0.0.0.0', AUTH: 'keys', TRUSTED_PROXY: 'loopback' });
  expect(url).toMatch(/^http:\/\/0\.0\.0\.0:\d+$/);
  const reached = url.replace('0.0.0.0', '127.0.0.1');
  expect(await answers(reached)).toBe(true);
  npm.kill('SIGTERM');
  const [code, signal] = (await once(npm, 'exit')) as [number | null, string | null];
  expect(await answers(reached)).toBe(false);
  expect([code, signal]).toEqual([0, null]);
}, 90_000);

test('the application ends when its npm is killed', async () => {
  const { npm, url } = await npmStart({});
  expect(await answers(url)).toBe(true);
  // From its own folder, wherever it was started.
  expect((await fetch(`${url}/openapi.json`)).status).toBe(200);
  npm.kill('SIGKILL');
  await eventually(async () => !(await answers(url)), { deadlineMs: 60_000 });
}, 90_000);
