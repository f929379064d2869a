import { Client, credentials } from '@grpc/grpc-js';

const same = (bytes: Buffer) => bytes;
const KILOBYTE = Buffer.alloc(1_000, 'x');

/** One gRPC message of 1 KB there, a small one back, by the library alone that the client is built on. */
export function bareCalls(url: string): Readonly<{ ask: () => Promise<void>; close: () => void }> {
  const client = new Client(new URL(url.replace('esdb:', 'http:')).host, credentials.createInsecure());
  return {
    ask: () =>
      new Promise((resolve, reject) => {
        client.makeUnaryRequest('/bench.Echo/Echo', same, same, KILOBYTE, (error) =>
          error ? reject(error) : resolve(),
        );
      }),
    close: () => client.close(),
  };
}
