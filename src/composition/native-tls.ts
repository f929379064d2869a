/** TLS that the application serves itself, and the way in that is left without it: this machine's own. */
import { readFileSync, unwatchFile, watchFile } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { Server as HttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { createSecureContext } from 'node:tls';
import { Logger } from '@nestjs/common';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { reasonOf } from '../application/runtime/errors.js';
import type { Config } from '../infrastructure/config/config.js';
import type { Connections } from '../interfaces/http/server/connections.js';
import { drain } from '../interfaces/http/server/drain.js';

/** How soon a certificate that was renewed is served. */
const LOOK_MS = 1_000;

type Files = Readonly<{ cert: string; key: string }>;
type Pair = Readonly<{ cert: Buffer; key: Buffer }>;

export class NativeTls {
  private readonly logger = new Logger('Tls');
  private loopback: Server | undefined;
  private end: () => void = () => undefined;

  private constructor(
    private readonly files: Files,
    /** For the server, with what the files hold now. A handshake takes no longer than the headers of a request may. */
    readonly options: Pair & Readonly<{ handshakeTimeout: number }>,
  ) {}

  /** @returns undefined where the settings name no certificate. @throws Error that names the setting */
  static of({ tlsCertFile: cert, tlsKeyFile: key, headersTimeoutMs }: Config): NativeTls | undefined {
    if (cert === undefined || key === undefined) return undefined;
    const files = { cert, key };
    return new NativeTls(files, { ...readPair(files), handshakeTimeout: headersTimeoutMs });
  }

  /**
   * Serves the same beside it on loopback, without TLS: the application's calls of its own agents, and reports of agents on this
   * machine, come to an address that no certificate names.
   * @returns the address of that
   */
  async start(app: NestExpressApplication, connections: Connections | undefined): Promise<AddressInfo> {
    this.follow(app.getHttpServer() as unknown as HttpsServer);
    const handle: RequestListener = app.getHttpAdapter().getInstance();
    const server = (this.loopback = createServer(handle));
    connections?.watch(server);
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject).listen(0, '127.0.0.1', resolve);
    });
    return server.address() as AddressInfo;
  }

  async stop(): Promise<void> {
    this.end();
    if (this.loopback?.listening) await drain(this.loopback);
  }

  /** Certificates are renewed every few weeks: connections that come after that get the new one. */
  private follow(server: HttpsServer): void {
    const renew = () => {
      try {
        server.setSecureContext(readPair(this.files));
        this.logger.log('The certificate was renewed');
      } catch (error) {
        // Of two files one is written first: the other's change is looked at as well.
        this.logger.warn(`The certificate is the former one still: ${reasonOf(error)}`);
      }
    };
    const paths = Object.values(this.files);
    for (const path of paths) watchFile(path, { interval: LOOK_MS, persistent: false }, renew);
    this.end = () => {
      for (const path of paths) unwatchFile(path, renew);
    };
  }
}

/** @throws Error that names the setting, and nothing of what is in the files */
const readPair = (files: Files): Pair => {
  const pair = { cert: contents('TLS_CERT_FILE', files.cert), key: contents('TLS_KEY_FILE', files.key) };
  try {
    createSecureContext(pair);
  } catch (error) {
    const expected =
      'TLS_CERT_FILE: expected a certificate in PEM, and in TLS_KEY_FILE its key, in PEM and without a passphrase';
    throw new Error(`${expected}; got other contents (${(error as NodeJS.ErrnoException).code ?? 'unreadable'})`, {
      cause: error,
    });
  }
  return pair;
};

const contents = (setting: string, path: string): Buffer => {
  try {
    return readFileSync(path);
  } catch (error) {
    const { code = 'an error' } = error as NodeJS.ErrnoException;
    throw new Error(`${setting}: expected a file that can be read, got ${JSON.stringify(path)} (${code})`, {
      cause: error,
    });
  }
};
