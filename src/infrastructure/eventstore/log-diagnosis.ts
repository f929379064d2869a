/** Tells from what a server or the way to it said why the log cannot be used. */
import { Client, credentials, Metadata, status } from '@grpc/grpc-js';
import type { LogFault } from '../../application/log/log-fault.js';
import { addressOf } from './connect.js';
import type { EsdbAddress } from './esdb-url.js';
import { readTlsFiles } from './tls-files.js';

/** The first that matches counts. A call that ends may leave nothing but its text. */
const SAID: readonly (readonly [LogFault, RegExp])[] = [
  ['CREDENTIALS_REFUSED', /UNAUTHENTICATED/],
  ['RIGHTS_MISSING', /PERMISSION_DENIED|access-denied|Access Denied/],
  ['TLS_FAILED', /certificate|SSL routines|wrong version number|ERR_TLS|EPROTO/i],
  ['NO_QUORUM', /Server Is Not Ready|not-leader|Leader info available|No leader info/i],
  ['NO_CONNECTION', /No connection established|Name resolution failed|Connection dropped|ECONN(REFUSED|RESET)/],
];
/** The client keeps to itself what each member said. */
const NOT_DISCOVERED = /Failed to discover/;
const CAUSES = 8;

/** Asks a member for what it knows of its cluster; that it answers is enough. */
const GOSSIP = '/event_store.client.gossip.Gossip/Read';
const NOTHING = Buffer.alloc(0);
const asIs = (bytes: Buffer): Buffer => bytes;

/** With the names of codes and reasons that stand beside the words. */
const textOf = (error: unknown): string => {
  const texts: string[] = [];
  for (let each = error; each instanceof Error && texts.length < CAUSES; each = each.cause) {
    const { code, reason } = each as { code?: unknown; reason?: unknown };
    const name = typeof code === 'number' ? (status[code] ?? '') : '';
    texts.push(`${name} ${reason === 'denied' ? 'access-denied' : ''} ${each.message}`);
  }
  return texts.join('\n');
};

/** What the error itself says; of a cluster in which no leader was found it says no more than that. */
const faultIn = (text: string): LogFault | undefined => SAID.find(([, said]) => said.test(text))?.[0];

export class LogDiagnosis {
  private readonly address: EsdbAddress | undefined;
  /** Why no leader was found, when the members were last asked. */
  private undiscovered: LogFault = 'NO_QUORUM';

  /** @param url of the server, or of members of its cluster; without it no members are asked */
  constructor(
    url?: string,
    private readonly timeoutMs = 2_000,
  ) {
    this.address = url === undefined ? undefined : addressOf(url);
  }

  /** At once, from the error and from what is known of the members. */
  readonly faultOf = (error: unknown): LogFault | undefined => {
    const text = textOf(error);
    return faultIn(text) ?? (NOT_DISCOVERED.test(text) ? this.undiscovered : undefined);
  };

  /** The same, and where no leader was found, from what the members say now: one that answers has no quorum. */
  async ask(error: unknown): Promise<LogFault | undefined> {
    const fault = this.faultOf(error);
    const { address } = this;
    if (!address || !NOT_DISCOVERED.test(textOf(error))) return fault;
    const said = await Promise.all(address.hosts.map((host) => this.membersOf(address, host)));
    const answers = said.includes(null);
    this.undiscovered = answers ? 'NO_QUORUM' : (said.find((each) => each !== null) ?? 'NO_CONNECTION');
    return this.undiscovered;
  }

  /** @returns null where it answers */
  private membersOf(of: EsdbAddress, { address, port }: EsdbAddress['hosts'][number]): Promise<LogFault | null> {
    const { hasTls, parameters } = of;
    const files = hasTls ? readTlsFiles(parameters) : {};
    const channel = hasTls
      ? credentials.createSsl(files.rootCertificate, files.userKeyFile, files.userCertFile)
      : credentials.createInsecure();
    const client = new Client(`${address}:${port}`, channel);
    const deadline = Date.now() + this.timeoutMs;
    return new Promise((resolve) => {
      client.makeUnaryRequest(GOSSIP, asIs, asIs, NOTHING, new Metadata(), { deadline }, (error) => {
        client.close();
        resolve(error ? (faultIn(error.message) ?? 'NO_CONNECTION') : null);
      });
    });
  }
}
