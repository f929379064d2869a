/** A TCP proxy on which a connection can fail in each of the ways in which networks fail. */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

export type FaultProxy = Readonly<{
  port: number;
  /** Every connection is reset, new ones are accepted. */
  drop(): void;
  /** Until `release`, nothing arrives on either side, and neither side learns of it. Then the connections are reset. */
  halfOpen(): void;
  /** Until `release`, each piece of data arrives this much later. */
  slow(ms: number): void;
  /** Until `release`, new connections are reset at once. */
  refuse(): void;
  release(): void;
  /** The next data from a client that holds `text` arrives in half, and the connection is reset. */
  cutNext(text: string): void;
  /** How often it has cut a connection so. */
  cuts(): number;
  close(): Promise<void>;
}>;

export async function startFaultProxy(target: Readonly<{ host?: string; port: number }>): Promise<FaultProxy> {
  const pairs = new Set<readonly [Socket, Socket]>();
  let mode: 'pass' | 'hold' | 'slow' | 'refuse' = 'pass';
  let slowMs = 0;
  let cutText: string | undefined;
  let cuts = 0;
  const drop = () => {
    for (const [client, upstream] of pairs) {
      client.resetAndDestroy();
      upstream.destroy();
    }
  };
  /** One after the other, so that a piece never overtakes a slow one. */
  const lines = new WeakMap<Socket, Promise<void>>();
  const pass = (chunk: Buffer, to: Socket) => {
    if (mode === 'hold') return;
    const before = lines.get(to) ?? Promise.resolve();
    const sent = before.then(async () => {
      if (mode === 'slow') await delay(slowMs);
      if (to.writable) to.write(chunk);
    });
    lines.set(to, sent);
  };
  const server = createServer((client) => {
    if (mode === 'refuse') return void client.resetAndDestroy();
    const upstream = connect(target.port, target.host ?? '127.0.0.1');
    const pair = [client, upstream] as const;
    pairs.add(pair);
    client.on('data', (chunk: Buffer) => {
      if (cutText === undefined || !chunk.includes(cutText)) return pass(chunk, upstream);
      cutText = undefined;
      cuts += 1;
      upstream.write(chunk.subarray(0, chunk.length / 2), () => {
        client.resetAndDestroy();
        upstream.destroy();
      });
    });
    upstream.on('data', (chunk: Buffer) => pass(chunk, client));
    for (const [one, other] of [pair, [upstream, client] as const]) {
      one.on('error', () => undefined);
      one.on('close', () => {
        pairs.delete(pair);
        if (mode !== 'hold') other.destroy();
      });
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    drop,
    halfOpen: () => void (mode = 'hold'),
    slow: (ms) => {
      slowMs = ms;
      mode = 'slow';
    },
    refuse: () => {
      mode = 'refuse';
      drop();
    },
    release: () => {
      if (mode === 'hold') drop();
      mode = 'pass';
    },
    cutNext: (text) => void (cutText = text),
    cuts: () => cuts,
    close: async () => {
      drop();
      server.close();
      await once(server, 'close');
    },
  };
}
