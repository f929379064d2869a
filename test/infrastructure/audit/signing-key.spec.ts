/** The keys on disk, and the ways in which an operator names those that are trusted. */
import { generateKeyPairSync } from 'node:crypto';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import {
  knownKeys,
  KeySigner,
  openNextKey,
  openSigningKey,
  takeNextKey,
  readTrustedKeys,
} from '../../../src/infrastructure/audit/signing-key.js';
import { keyIdOf, KeyWalk, spkiOf } from '../../../src/application/audit/keys.js';

let directory = '';
beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'signing-key-'));
});
afterEach(() => rm(directory, { recursive: true }));

test('many that start at once make one key, and none reads it half', async () => {
  for (let round = 0; round < 10; round++) {
    const own = path.join(directory, String(round));
    const signers = await Promise.all(Array.from({ length: 10 }, () => openSigningKey(undefined, own)));
    expect(new Set(signers.map(({ keyId }) => keyId)).size).toBe(1);
    expect((await readdir(own)).sort()).toEqual(['keys', 'signing-key.pem']);
    expect(await readdir(path.join(own, 'keys'))).toEqual([`${signers[0]!.keyId}.pem`]);
  }
});

test('a key file that holds no key is refused by its name, and not written over', async () => {
  await writeFile(path.join(directory, 'signing-key.pem'), '');
  await expect(openSigningKey(undefined, directory)).rejects.toThrow(
    /signing-key\.pem: expected an Ed25519 private key/,
  );
});

test('the next key is made once, and takes the place of the old one; the public halves of both are kept', async () => {
  const first = await openSigningKey(undefined, directory);
  const [next, again] = [await openNextKey(undefined, directory), await openNextKey(undefined, directory)];
  expect(again.keyId).toBe(next.keyId);
  expect((await openSigningKey(undefined, directory)).keyId).toBe(first.keyId);
  await takeNextKey(directory);
  expect((await openSigningKey(undefined, directory)).keyId).toBe(next.keyId);
  expect([...(await knownKeys(directory)).keys()].sort()).toEqual([first.keyId, next.keyId].sort());
});

test('a file among the public keys that is none is passed over', async () => {
  const { keyId } = await openSigningKey(undefined, directory);
  await writeFile(path.join(directory, 'keys', 'planted.pem'), 'nothing');
  expect([...(await knownKeys(directory)).keys()]).toEqual([keyId]);
});

test('so are a directory, and a key of another kind', async () => {
  const { keyId } = await openSigningKey(undefined, directory);
  const { publicKey } = generateKeyPairSync('x25519');
  await writeFile(path.join(directory, 'keys', 'planted.pem'), publicKey.export({ type: 'spki', format: 'pem' }));
  await mkdir(path.join(directory, 'keys', 'directory.pem'));
  expect([...(await knownKeys(directory)).keys()]).toEqual([keyId]);
});

test('a checkpoint that names such a key has a wrong signature, and ends no verification', () => {
  const { publicKey } = generateKeyPairSync('x25519');
  const root = '0'.repeat(64);
  const unsigned = { format: 'workflow-executor/checkpoint/1', number: 0, tree_size: 1, root, position: '1' } as const;
  const named = { at: new Date(0).toISOString(), key_id: keyIdOf(publicKey), previous: null, signature: 'AAAA' };
  const walk = new KeyWalk({ pins: new Set([keyIdOf(publicKey)]), known: new Map([[keyIdOf(publicKey), publicKey]]) });
  expect(walk.step({ ...unsigned, ...named })).toBe('wrong-signature');
});

describe('a trusted key is named', () => {
  const signer = new KeySigner(generateKeyPairSync('ed25519').privateKey);
  const other = new KeySigner(generateKeyPairSync('ed25519').privateKey);
  const file = async (text: string) => {
    const name = path.join(directory, 'keys.txt');
    await writeFile(name, text);
    return name;
  };
  const pins = async (given: string) => [...(await readTrustedKeys([given], '--key')).pins];

  test('by its fingerprint', async () => {
    expect(await pins(signer.keyId)).toEqual([signer.keyId]);
    expect(await pins(`SHA256:${signer.keyId.toUpperCase()}`)).toEqual([signer.keyId]);
  });
  test('by itself: PEM, PEM in one line, SPKI in base64', async () => {
    const ways = [signer.publicKey, signer.publicKey.replaceAll('\n', '\\n'), spkiOf(signer.publicKey)];
    for (const way of ways) expect(await pins(way)).toEqual([signer.keyId]);
  });
  test('by a file with public keys, or with fingerprints and words', async () => {
    expect(await pins(await file(signer.publicKey + other.publicKey))).toEqual([signer.keyId, other.keyId]);
    const lines = `# of the quality unit\n${signer.keyId}  # since 2030\n\n${other.keyId}\n`;
    expect(await pins(await file(lines))).toEqual([signer.keyId, other.keyId]);
  });
  test('and nothing else: a private key, another kind of key, a short fingerprint, an empty file', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    const ec = publicKey.export({ type: 'spki', format: 'pem' }).toString();
    for (const given of [pem, ec, signer.keyId.slice(1), await file(''), await file(`${signer.keyId}\nand more`)])
      await expect(readTrustedKeys([given], '--key')).rejects.toThrow(/^--key: expected a fingerprint/);
  });
  test('and a private key that was given by mistake is not shown', async () => {
    const { privateKey } = generateKeyPairSync('ed25519');
    const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    const der = privateKey.export({ type: 'pkcs8', format: 'der' }).toString('base64');
    for (const given of [pem, der])
      await expect(readTrustedKeys([given], 'AUDIT_TRUSTED_KEYS')).rejects.toThrow(/got a private key: [a-z ]+$/);
  });
});
