/** Clients that follow executions over the Realtime protocol, and note how old each change is when it comes. */
import { once } from 'node:events';
import { WebSocket } from 'ws';

export type Subscribers = Readonly<{
  /** Milliseconds from the time that a row gives as its change to the message, for each message so far. */
  ages: readonly number[];
  close: () => Promise<void>;
}>;

const AT_ONCE = 50;

/** @param filterOf of each subscriber, by number; undefined: all executions */
export const subscribe = async (
  url: string,
  count: number,
  filterOf: (index: number) => string | undefined,
): Promise<Subscribers> => {
  const ages: number[] = [];
  const sockets: WebSocket[] = [];
  const open = async (index: number) => {
    const socket = new WebSocket(`${url.replace(/^http/, 'ws')}/realtime/v1/websocket?apikey=bench&vsn=2.0.0`);
    sockets.push(socket);
    await once(socket, 'open');
    const binding = { event: '*', schema: 'public', table: 'workflow_executions', filter: filterOf(index) };
    const config = { presence: { enabled: false }, postgres_changes: [binding] };
    const subscribed = new Promise<void>((resolve) =>
      socket.on('message', (data: Buffer) => {
        const [, , , event, payload] = JSON.parse(data.toString()) as [null, null, string, string, Payload];
        if (event === 'system') resolve();
        if (event === 'postgres_changes') ages.push(Date.now() - Date.parse(payload.data.record.updated_at));
      }),
    );
    socket.send(JSON.stringify(['1', '1', 'realtime:workflow-updates', 'phx_join', { config }]));
    await subscribed;
  };
  for (let from = 0; from < count; from += AT_ONCE)
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, count - from) }, (_, at) => open(from + at)));
  const beating = setInterval(
    () => sockets.forEach((socket) => socket.send('[null,"2","phoenix","heartbeat",{}]')),
    25_000,
  );
  const close = async () => {
    clearInterval(beating);
    const closed = sockets.map((socket) => once(socket, 'close'));
    sockets.forEach((socket) => socket.close());
    await Promise.all(closed);
  };
  return { ages, close };
};

type Payload = Readonly<{ data: Readonly<{ record: Readonly<{ updated_at: string }> }> }>;
