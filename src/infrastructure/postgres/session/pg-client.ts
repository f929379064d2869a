/** The one class of client that everything here connects with. */
import pg from 'pg';
import type { DataSource } from 'typeorm';
import { NotReady } from '../../../application/runtime/errors.js';

/** Postgres' text cannot hold U+0000, and its JSON no half of a character either. */
export const storable = (value: unknown): unknown => {
  if (typeof value === 'bigint') return String(value);
  return typeof value === 'string' ? value.replaceAll('\0', '\uFFFD').toWellFormed() : value;
};

export const storableJson = (value: unknown): string =>
  JSON.stringify(value, (_key, member: unknown) => storable(member));

/** Milliseconds; what is not given is left as the server has it. */
type SessionTimes = Readonly<{ statement?: number; idleInTransaction?: number; idle?: number }>;

const NAMES = {
  statement: 'statement_timeout',
  idleInTransaction: 'idle_in_transaction_session_timeout',
  idle: 'idle_session_timeout',
} as const;

/** By a statement: a pooler refuses settings in the startup packet, where the client would put them. */
export const setTimes = async (client: Pick<pg.ClientBase, 'query'>, times: SessionTimes): Promise<void> => {
  const given = Object.entries(times).filter(([, ms]) => ms !== undefined) as [keyof SessionTimes, number][];
  if (given.length === 0) return;
  const set = given.map(([name], index) => `set_config('${NAMES[name]}', $${index + 1}, false)`);
  await client.query(
    `select ${set.join(', ')}`,
    given.map(([, ms]) => String(ms)),
  );
};

/** What libpq calls it; the only way of authentication that is known here. */
export const REQUIRE_AUTH = 'require_auth';
const SCRAM = 'scram-sha-256';

/** Of `pg`, what its types leave out: the steps of an authentication, each at the server's wish. */
type Inside = {
  connection: NodeJS.EventEmitter & { stream: { destroy: () => void } };
  _handleAuthCleartextPassword: () => void;
  _handleAuthMD5Password: () => void;
  _handleAuthSASLFinal: (message: unknown) => void;
};

/**
 * `pg` gives the password, in clear, to any server that asks for it so. With `require_auth=scram-sha-256` in the connection string it
 * does not: in SCRAM no password is sent, and the server has to prove that it knows it too. One that leaves that out is refused as well.
 */
export class PgClient extends pg.Client {
  constructor(config: string | pg.ClientConfig = {}) {
    super(config);
    const url = typeof config === 'string' ? config : config.connectionString;
    if (url !== undefined && isScramRequired(url)) requireScram(this as unknown as Inside);
  }
}

const isScramRequired = (url: string): boolean => {
  const wanted = URL.canParse(url) ? new URL(url).searchParams.get(REQUIRE_AUTH) : null;
  if (wanted === null || wanted === SCRAM) return wanted === SCRAM;
  throw new Error(`The database: expected ${REQUIRE_AUTH}=${SCRAM} or none, got "${wanted}"`);
};

const requireScram = (client: Inside): void => {
  const refuse = (got: string) => {
    const message = `The database server is not the expected one: expected it to authenticate by ${SCRAM}, got ${got}. It was sent no password`;
    client.connection.emit('error', new Error(message));
    client.connection.stream.destroy();
  };
  client._handleAuthCleartextPassword = () => refuse('a request for the password in clear');
  client._handleAuthMD5Password = () => refuse('a request for an MD5 hash of the password');
  let hasProved = false;
  const finalize = client._handleAuthSASLFinal.bind(client);
  client._handleAuthSASLFinal = (message) => {
    let isWrong = false;
    const notice = () => (isWrong = true);
    client.connection.prependOnceListener('error', notice);
    finalize(message); // emits an error where the signature is wrong
    client.connection.removeListener('error', notice);
    hasProved = !isWrong;
  };
  client.connection.on('authenticationOk', () => {
    if (!hasProved) refuse('no authentication at all');
  });
};

/** SQLSTATE classes and system errors that speak of the connection, not of the statement. */
const CONNECTION_ERRORS = /^(08|57P0|ECONN|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENOTFOUND|EAI_AGAIN|53300)/;
const CONNECTION_MESSAGES =
  /connection (terminated|ended)|timeout exceeded when trying to connect|^timeout expired$|not queryable/i;

/** Whether the database was away, so that the same statement may do later. */
export const isConnectionLoss = (error: unknown): boolean => {
  const { code, message, syscall } = error as { code?: string; message?: string; syscall?: string };
  // A socket's file that is not there, or whose server has no room for one more.
  if (syscall === 'connect' && /^(ENOENT|EAGAIN)$/.test(code ?? '')) return true;
  return CONNECTION_ERRORS.test(code ?? '') || CONNECTION_MESSAGES.test(message ?? '');
};

/** The same port; while the database is away its calls are refused as NotReady, which is true now and may not be soon. */
export const readyUnlessAway = <Port extends object>(port: Port): Port =>
  new Proxy(port, {
    get: (target, key) => {
      const member: unknown = Reflect.get(target, key);
      if (typeof member !== 'function') return member;
      return async (...given: unknown[]): Promise<unknown> => {
        try {
          return await (member as (...given: unknown[]) => unknown).apply(target, given);
        } catch (error) {
          if (!isConnectionLoss(error)) throw error;
          throw new NotReady('The database cannot be reached at this moment; ask again', { cause: error });
        }
      };
    },
  });

/** A client of its own for the data source's database, beside the pool; it is not connected yet. */
export const ownClient = ({ options }: DataSource, name: string, config: pg.ClientConfig): pg.Client => {
  if (options.type !== 'postgres') throw new Error(`Expected a data source of type postgres, got ${options.type}`);
  return new PgClient({ connectionString: options.url, application_name: name, keepAlive: true, ...config });
};

/** For reads that last: each page has its time, and one that is lost fails. */
const CONNECT_MS = 10_000;
const PAGE_MS = 60_000;

/** Such a client, connected. */
export const connected = async (dataSource: DataSource, name: string): Promise<pg.Client> => {
  const client = ownClient(dataSource, name, { connectionTimeoutMillis: CONNECT_MS, query_timeout: PAGE_MS + 1_000 });
  // The next statement fails as well; without a listener the error would end the process.
  client.on('error', () => undefined);
  await client.connect();
  await setTimes(client, { statement: PAGE_MS });
  return client;
};
