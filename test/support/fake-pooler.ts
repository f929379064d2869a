/** A pooler in front of Postgres, as far as sessions go: a client has a backend while it is connected, or for a transaction. */
import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import pg from 'pg';

export type PoolMode = 'session' | 'transaction';

export type FakePooler = Readonly<{
  /** The given connection string with the pooler's own address. */
  url: string;
  /** Applies from the end of each client's transaction on. */
  setMode(mode: PoolMode): void;
  close(): Promise<void>;
}>;

/** What PgBouncer takes in a startup packet; it refuses all else. */
const KNOWN_PARAMETERS =
  /^(user|database|client_encoding|application_name|datestyle|timezone|standard_conforming_strings)$/i;
const SSL_REQUEST = 80_877_103;
const QUERY = 'Q'.charCodeAt(0);
const SYNC = 'S'.charCodeAt(0);
const TERMINATE = 'X'.charCodeAt(0);
const READY = 'Z'.charCodeAt(0);
const IDLE = 'I'.charCodeAt(0);

type Backend = { readonly client: pg.Client; readonly stream: Socket; owner: Socket | null };

export async function startFakePooler(target: string, initially: PoolMode, most = 20): Promise<FakePooler> {
  let mode = initially;
  const clients = new Set<Socket>();
  const backends = new Set<Backend>();
  /** The backend that was used last is used next. */
  const idle: Backend[] = [];
  const queue: ((backend: Backend) => void)[] = [];

  const open = async (): Promise<Backend> => {
    const client = new pg.Client({ connectionString: target, application_name: 'fake-pooler' });
    client.on('error', () => undefined);
    await client.connect();
    // The client has logged in; from now on the pooler reads its connection.
    const { stream } = (client as unknown as { connection: { stream: Socket } }).connection;
    stream.removeAllListeners('data');
    return { client, stream, owner: null };
  };
  const acquire = async (): Promise<Backend> => {
    const free = idle.pop();
    if (free) return free;
    if (backends.size >= most) return new Promise((resolve) => queue.push(resolve));
    const placeholder = {} as Backend;
    backends.add(placeholder);
    const backend = await open().finally(() => backends.delete(placeholder));
    backends.add(backend);
    return backend;
  };
  const release = (backend: Backend) => {
    backend.owner = null;
    backend.stream.removeAllListeners('data');
    const next = queue.shift();
    if (next) next(backend);
    else idle.push(backend);
  };
  const discard = (backend: Backend) => {
    backends.delete(backend);
    backend.stream.destroy();
  };

  const serve = (client: Socket) => {
    let backend: Backend | null = null;
    let unanswered = 0;
    const fromClient = messages(async (type, message) => {
      if (type === TERMINATE) return void client.end();
      if (!backend) {
        const acquired = await acquire();
        if (client.destroyed) return release(acquired);
        backend = acquired;
        backend.owner = client;
        backend.stream.on(
          'data',
          messages(async (answerType, answer) => {
            client.write(answer);
            if (answerType !== READY || --unanswered > 0 || answer.at(-1) !== IDLE || mode === 'session') return;
            if (backend) release(backend);
            backend = null;
          }),
        );
      }
      if (type === QUERY || type === SYNC) unanswered += 1;
      backend.stream.write(message);
    });
    client.on('data', fromClient);
    client.on('close', () => {
      clients.delete(client);
      if (backend) discard(backend);
      backend = null;
    });
  };

  const server = createServer((client) => {
    clients.add(client);
    client.on('error', () => undefined);
    const greet = (packet: Buffer) => {
      if (packet.readInt32BE(4) === SSL_REQUEST) {
        client.write('N');
        return void client.once('data', greet);
      }
      const unknown = parametersOf(packet).find((name) => !KNOWN_PARAMETERS.test(name));
      if (unknown) return void client.end(refusal(`unsupported startup parameter: ${unknown}`));
      client.write(Buffer.from([...frame('R', Buffer.alloc(4)), ...frame('Z', Buffer.from('I'))]));
      serve(client);
    };
    client.once('data', greet);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const url = new URL(target);
  url.port = String((server.address() as AddressInfo).port);
  url.hostname = '127.0.0.1';
  url.search = '';
  return {
    url: url.href,
    setMode: (wanted) => void (mode = wanted),
    close: async () => {
      for (const client of clients) client.destroy();
      server.close();
      await once(server, 'close');
      for (const backend of backends) discard(backend);
    },
  };
}

/** Cuts what arrives into messages of the protocol, one after the other. */
const messages = (take: (type: number, message: Buffer) => Promise<void>) => {
  let rest = Buffer.alloc(0);
  let last: Promise<void> = Promise.resolve();
  return (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= 5 && rest.length > rest.readInt32BE(1)) {
      const message = Buffer.from(rest.subarray(0, rest.readInt32BE(1) + 1));
      rest = rest.subarray(message.length);
      last = last.then(() => take(message[0]!, message));
    }
  };
};

const parametersOf = (packet: Buffer): readonly string[] =>
  packet
    .subarray(8)
    .toString()
    .split('\0')
    .filter((_, index, all) => index % 2 === 0 && index < all.length - 2);

const frame = (type: string, body: Buffer): Buffer => {
  const head = Buffer.alloc(5);
  head.write(type);
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
};

const refusal = (message: string): Buffer => frame('E', Buffer.from(`SFATAL\0VFATAL\0C08P01\0M${message}\0\0`));
