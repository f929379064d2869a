/** What a process gets that has taken the port of a Postgres, and plays one. */
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { PgClient } from '../../../src/infrastructure/postgres/session/pg-client.js';
import { createDataSource } from '../../../src/infrastructure/postgres/data-source.js';
import { Reader } from '../../../src/infrastructure/embedded-eventstore/storage/reader.js';
import { defaultLimits } from '../../../src/infrastructure/embedded-eventstore/limits.js';

const PASSWORD = 'the-password-of-the-database';
const message = (kind: string, body: Buffer) => {
  const length = Buffer.alloc(4);
  length.writeInt32BE(body.length + 4);
  return Buffer.concat([Buffer.from(kind), length, body]);
};
const authentication = (code: number, more = Buffer.alloc(0)) => {
  const number = Buffer.alloc(4);
  number.writeInt32BE(code);
  return message('R', Buffer.concat([number, more]));
};
const READY = message('Z', Buffer.from('I'));
const ASKS = {
  'the password in clear': authentication(3),
  'an MD5 hash of it': authentication(5, Buffer.from('salt')),
  nothing: Buffer.concat([authentication(0), READY]),
};

let server: Server;
let received = '';
let ask: Buffer = ASKS.nothing;
let url = '';
beforeAll(async () => {
  server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => {
      socket.on('data', (bytes) => (received += bytes.toString('latin1')));
      socket.write(ask);
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `postgres://app:${PASSWORD}@127.0.0.1:${(server.address() as AddressInfo).port}/db`;
});
afterAll(() => void server.close());
beforeEach(() => (received = ''));

const connect = async (connectionString: string) => {
  const client = new PgClient({ connectionString, connectionTimeoutMillis: 2_000 });
  client.on('error', () => undefined);
  await client.connect().finally(() => client.end().catch(() => undefined));
};

test.each(Object.keys(ASKS) as (keyof typeof ASKS)[])('who asks for %s is refused, and sent nothing', async (name) => {
  ask = ASKS[name];
  await expect(connect(`${url}?require_auth=scram-sha-256`)).rejects.toThrow('not the expected one');
  expect(received).toBe('');
});

test('so it is with the pool of the application, and with that of the event node', async () => {
  ask = ASKS['the password in clear'];
  const required = `${url}?require_auth=scram-sha-256`;
  await expect(createDataSource({ url: required, poolSize: 1 })).rejects.toThrow('not the expected one');
  const reader = new Reader(required, { ...defaultLimits, readConnections: 1 });
  await expect(reader.states(['s'])).rejects.toThrow('not the expected one');
  await reader.close();
  expect(received).toBe('');
});

test('where it is not required, the password is given: that is how the server can be seen to ask', async () => {
  ask = ASKS['the password in clear'];
  await connect(url).catch(() => undefined);
  expect(received).toContain(PASSWORD);
});

test('another way than SCRAM cannot be required', () => {
  expect(() => new PgClient(`${url}?require_auth=md5`)).toThrow('expected require_auth=scram-sha-256 or none');
});
