/** Makes the official client of a connection string, so that it sends the credentials in it also where there is no TLS. */
import { EventStoreDBClient } from '@eventstore/db-client';
import { InterceptingCall, type Channel, type Client, type Interceptor } from '@grpc/grpc-js';
import { UrlProblem } from '../config/url-problem.js';
import { readEsdbUrl, type EsdbAddress } from './esdb-url.js';
import { readTlsFiles } from './tls-files.js';

/** Of the client, what makes the stubs that all of its calls go through. */
type Inside = {
  getChannel: () => Promise<Channel>;
  createGRPCClient: (Stub: new (address: null, credentials: null, options: object) => Client) => Promise<Client>;
};

/** @throws Error that repeats nothing of what may be secret */
export const addressOf = (given: string): EsdbAddress =>
  inWords(() => {
    const address = readEsdbUrl(given);
    if (address.username === undefined || address.credentials) return address;
    throw new UrlProblem(`a password for the user, as in user:password@host`, 'a user without one');
  });

/**
 * The client itself leaves credentials out where `tls=false`, and says so in its debug log alone. The embedded node listens on
 * loopback without TLS and refuses every call without them, so here each call has them: those that look for the server's features too.
 * What looks for the members of a cluster goes past this; of an embedded node there is one.
 */
export const connect = (given: string): EventStoreDBClient => {
  const address = addressOf(given);
  const client = clientOf(address);
  if (!address.credentials || address.hasTls) return client;
  const inside = client as unknown as Inside;
  const interceptors = [withCredentials(address.credentials)];
  inside.createGRPCClient = async (Stub) =>
    new Stub(null, null, { channelOverride: await inside.getChannel(), interceptors });
  return client;
};

/**
 * The client as it is. It gets values, and no text to read: its own parser prints the text, with the password, where it does not
 * know a word of it.
 * @throws Error where a file of the address cannot be used
 */
export const clientOf = ({ hosts, isCluster, hasTls, credentials, parameters }: EsdbAddress): EventStoreDBClient => {
  const { tls: _tls, tlsVerifyCert: _verify, tlsCAFile, userCertFile, userKeyFile, ...settings } = parameters;
  const files = hasTls ? inWords(() => readTlsFiles({ tlsCAFile, userCertFile, userKeyFile })) : {};
  const place = isCluster ? { endpoints: [...hosts] } : { endpoint: hosts[0]! };
  const channel = { insecure: !hasTls, ...files };
  return new EventStoreDBClient({ ...settings, ...place } as { endpoint: (typeof hosts)[0] }, channel, credentials);
};

type Credentials = NonNullable<EsdbAddress['credentials']>;

/** The header. Not to be logged. */
export const authorizationOf = ({ username, password }: Credentials): string =>
  `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;

/** Sends them with each call, over whatever channel. */
export const withCredentials = (credentials: Credentials): Interceptor => {
  const authorization = authorizationOf(credentials);
  return (options, next) =>
    new InterceptingCall(next(options), {
      start: (metadata, listener, go) => {
        metadata.set('authorization', authorization);
        go(metadata, listener);
      },
    });
};

const inWords = <T>(read: () => T): T => {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof UrlProblem)) throw error;
    throw new Error(`The connection string of the event store: ${error.message}`, { cause: error });
  }
};
