/** Certificates and keys that a connection string names by their files. */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { createSecureContext } from 'node:tls';
import { UrlProblem } from '../config/url-problem.js';
import type { EsdbParameters } from './esdb-url.js';

type TlsFiles = Readonly<{ rootCertificate?: Buffer; userCertFile?: Buffer; userKeyFile?: Buffer }>;
type Named = Pick<EsdbParameters, 'tlsCAFile' | 'userCertFile' | 'userKeyFile'>;

/** @throws UrlProblem where a file cannot be read or does not hold what it should */
export const readTlsFiles = (named: Named, directory = process.cwd()): TlsFiles => {
  const [ca, cert, key] = (['tlsCAFile', 'userCertFile', 'userKeyFile'] as const).map((name) => {
    const path = named[name];
    return path === undefined ? undefined : contents(name, resolve(directory, path));
  });
  if (ca) mustBeCertificate('tlsCAFile', ca);
  if (cert) mustBeCertificate('userCertFile', cert);
  if (cert && key) mustBelong(cert, key);
  return {
    ...(ca ? { rootCertificate: ca } : {}),
    ...(cert && key ? { userCertFile: cert, userKeyFile: key } : {}),
  };
};

const contents = (name: keyof Named, path: string): Buffer => {
  try {
    return readFileSync(path);
  } catch (error) {
    const { code = 'an error' } = error as NodeJS.ErrnoException;
    throw new UrlProblem(`${name} to be a file that can be read`, `${JSON.stringify(path)} (${code})`);
  }
};

const mustBeCertificate = (name: keyof Named, pem: Buffer): void => {
  try {
    new X509Certificate(pem);
  } catch {
    throw new UrlProblem(`${name} to hold a certificate in PEM`, 'something else in it');
  }
};

const mustBelong = (cert: Buffer, key: Buffer): void => {
  try {
    createSecureContext({ cert, key });
  } catch {
    throw new UrlProblem(
      'userKeyFile to hold the key of userCertFile, in PEM and without a passphrase',
      'something else in it',
    );
  }
};
