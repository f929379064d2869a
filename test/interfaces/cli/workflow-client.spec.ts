import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { WorkflowClient } from '../../../src/interfaces/cli/workflow-client.js';

let server: Server;
let client: WorkflowClient;
let directory = '';
beforeAll(async () => {
  server = createServer((_request, response) => response.end('the bytes')).listen(0, '127.0.0.1');
  await once(server, 'listening');
  client = new WorkflowClient(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  directory = await mkdtemp(path.join(tmpdir(), 'downloads-'));
});
afterAll(async () => {
  server.close();
  server.closeAllConnections();
  await rm(directory, { recursive: true });
});

test('a file is kept where it has the hash that its step recorded, and not where it has another', async () => {
  const sha256 = createHash('sha256').update('the bytes').digest('hex');
  const kept = await client.download('e', { name: 'right.txt', sha256 }, directory);
  expect(await readFile(kept, 'utf8')).toBe('the bytes');
  const other = '0'.repeat(64);
  await expect(client.download('e', { name: 'wrong.txt', sha256: other }, directory)).rejects.toThrow(
    `Artifact wrong.txt: expected SHA-256 ${other}, as its step recorded it, got ${sha256}`,
  );
  expect(await readdir(directory)).toEqual(['right.txt']);
});

/** In a process that has loaded undici, as quickstart has. */
const DOWNLOAD = `
  import 'undici';
  import { WorkflowClient } from './dist/interfaces/cli/workflow-client.js';
  const [url, sha256, directory] = process.argv.slice(1);
  await new WorkflowClient(url).download('e', { name: 'large.bin', sha256 }, directory);
`;

test('a file of many reads arrives whole, in a process that has another client of HTTP loaded', async () => {
  const bytes = Buffer.alloc(100_000, 'a');
  const closing = createServer((_request, response) => {
    response.setHeader('Content-Length', bytes.length).end(bytes);
  }).listen(0, '127.0.0.1');
  await once(closing, 'listening');
  try {
    const url = `http://127.0.0.1:${(closing.address() as AddressInfo).port}`;
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    await promisify(execFile)(process.execPath, ['--input-type=module', '-e', DOWNLOAD, url, sha256, directory]);
    expect((await readFile(path.join(directory, 'large.bin'))).equals(bytes)).toBe(true);
  } finally {
    closing.close();
  }
}, 30_000);
