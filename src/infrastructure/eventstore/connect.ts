/** Makes the official client of a connection string, so that it sends the credentials in it also where there is no TLS. */
import { EventStoreDBClient } from '@eventstore/db-client';
import { InterceptingCall, type Channel, type Client, type Interceptor } from '@grpc/grpc-js';
import { esdbUrl } from './esdb-url.js';

const CREDENTIALS = /:\/\/([^:/@]+):([^?]+)@/;
const WITHOUT_TLS = /[?&]tls=false(&|$)/i;

/** Of the client, what makes the stubs that all of its calls go through. */
type Inside = {
  getChannel: () => Promise<Channel>;
  createGRPCClient: (Stub: new (address: null, credentials: null, options: object) => Client) => Promise<Client>;
};

/** A connection string, with its credentials apart from it: the client's parser repeats what it does not understand. */
export type Address = Readonly<{
  url: string;
  credentials?: Readonly<{ username: string; password: string }>;
  hasTls: boolean;
}>;

/** @throws Error that does not repeat what it was given */
export const addressOf = (given: string): Address => {
  const [, username, password] = CREDENTIALS.exec(given) ?? [];
  const [url, hasTls] = [esdbUrl(given.replace(CREDENTIALS, '://')), !WITHOUT_TLS.test(given)];
  if (username === undefined || password === undefined) return { url, hasTls };
  return { url, hasTls, credentials: { username: decoded(username), password: decoded(password) } };
};

/**
 * The client itself leaves credentials out where `tls=false`, and says so in its debug log alone. The embedded node listens on
 * loopback without TLS and refuses every call without them, so here each call has them: those that look for the server's features too.
 * What looks for the members of a cluster goes past this; of an embedded node there is one.
 */
export const connect = (given: string): EventStoreDBClient => {
  const { url, hasTls, credentials } = addressOf(given);
  if (!credentials || hasTls) return EventStoreDBClient.connectionString(esdbUrl(given));
  const client = EventStoreDBClient.connectionString(url);
  const inside = client as unknown as Inside;
  const interceptors = [withCredentials(credentials)];
  inside.createGRPCClient = async (Stub) =>
    new Stub(null, null, { channelOverride: await inside.getChannel(), interceptors });
  return client;
};

/** Sends them with each call, over whatever channel. */
export const withCredentials = ({ username, password }: NonNullable<Address['credentials']>): Interceptor => {
  const authorization = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
  return (options, next) =>
    new InterceptingCall(next(options), {
      start: (metadata, listener, go) => {
        metadata.set('authorization', authorization);
        go(metadata, listener);
      },
    });
};

const decoded = (part: string): string => {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new Error(
      'The connection string of the event store: expected percent-encoded credentials, got a % that begins no code',
    );
  }
};
