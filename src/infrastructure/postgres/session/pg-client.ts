/** The one class of client that everything here connects with. */
import pg from 'pg';

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
    finalize(message); // tells a wrong signature by an error
    client.connection.removeListener('error', notice);
    hasProved = !isWrong;
  };
  client.connection.on('authenticationOk', () => {
    if (!hasProved) refuse('no authentication at all');
  });
};
