import { once } from 'node:events';
import { WebSocket, type ClientOptions } from 'ws';
import { eventually } from '../../../support/eventually.js';

/* eslint-disable @typescript-eslint/no-explicit-any -- messages whose shape is what the tests assert */
/** A client that sends what it is told to and keeps what it gets, as JSON. */
export const openRaw = async (url: string, options: ClientOptions = {}) => {
  const socket = new WebSocket(url, options);
  const received: any[] = [];
  const closed = { code: 0, reason: '' };
  socket.on('message', (data: Buffer) => received.push(JSON.parse(data.toString())));
  socket.on('close', (code, reason) => Object.assign(closed, { code, reason: reason.toString() }));
  socket.on('error', () => undefined);
  await once(socket, 'open');
  return {
    socket,
    received,
    closed,
    send: (message: unknown) => socket.send(typeof message === 'string' ? message : JSON.stringify(message)),
    /** Resolves when `count` messages are there in all. */
    has: (count: number) =>
      eventually(() => {
        if (received.length < count) throw new Error(`Expected ${count} messages, got ${JSON.stringify(received)}`);
        return received;
      }),
    isClosed: () => eventually(() => closed.code > 0 && closed),
  };
};

export type RawClient = Awaited<ReturnType<typeof openRaw>>;
