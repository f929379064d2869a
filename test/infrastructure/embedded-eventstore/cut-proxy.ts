/** A TCP proxy to Postgres that can lose a connection at the worst moment: when a commit is asked for, or when it is answered. */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

type Cut = 'request' | 'answer';

export type CutProxy = Readonly<{
  /** The database's URL, through the proxy. */
  url: string;
  /** The next client message that holds `text` is lost, or its answer is; the connection is gone either way. */
  arm(cut: Cut, text: string): void;
  /** How often that has happened. */
  cuts(): number;
  close(): Promise<void>;
}>;

export async function startCutProxy(databaseUrl: string): Promise<CutProxy> {
  const target = new URL(databaseUrl);
  let armed: { cut: Cut; text: string } | undefined;
  let cuts = 0;
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const database = connect(Number(target.port), target.hostname);
    let loseAnswer = false;
    const lose = () => {
      cuts += 1;
      client.destroy();
      database.destroy();
    };
    client.on('data', (chunk) => {
      if (armed && chunk.includes(armed.text)) {
        const { cut } = armed;
        armed = undefined;
        if (cut === 'request') return lose();
        loseAnswer = true;
      }
      database.write(chunk);
    });
    database.on('data', (chunk) => (loseAnswer ? lose() : client.write(chunk)));
    for (const [one, other] of [
      [client, database],
      [database, client],
    ] as const) {
      sockets.add(one);
      one.on('error', () => undefined);
      one.on('close', () => other.destroy());
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = new URL(databaseUrl);
  url.port = String((server.address() as AddressInfo).port);
  return {
    url: url.href,
    arm: (cut, text) => void (armed = { cut, text }),
    cuts: () => cuts,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
