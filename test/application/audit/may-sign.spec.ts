import { generateKeyPairSync } from 'node:crypto';
import type { SignedTreeHead } from '../../../src/application/audit/signed-tree-head.js';
import { spkiOf, KeyNotAllowed, mustBeAllowed } from '../../../src/application/audit/keys.js';
import { KeySigner } from '../../../src/infrastructure/audit/signing-key.js';

const [first, second, third] = [1, 2, 3].map(() => new KeySigner(generateKeyPairSync('ed25519').privateKey)) as [
  KeySigner,
  KeySigner,
  KeySigner,
];
const signed = (by: KeySigner, next?: KeySigner): SignedTreeHead => ({
  ...{ format: 'workflow-executor/checkpoint/1', number: 0, tree_size: 1, root: 'a'.repeat(64), position: '0' },
  ...{ at: '2030-01-01T00:00:00.000Z', key_id: by.keyId, previous: null, signature: 'c2lnbmVk' },
  ...(next && { key_change: { from: spkiOf(by.publicKey), to: spkiOf(next.publicKey) } }),
});
type Past = Readonly<{ last: SignedTreeHead | null; changes: readonly SignedTreeHead[] }>;
const nothing: Past = { last: null, changes: [] };
const byFirst: Past = { last: signed(first), changes: [] };
const changed: Past = { last: signed(second), changes: [signed(first, second)] };
const justChanged: Past = { last: signed(first, second), changes: [signed(first, second)] };
const ask = (signer: KeySigner, past: Past, ...pins: KeySigner[]) => {
  mustBeAllowed(signer, new Set(pins.map(({ keyId }) => keyId)), past);
  return 'may';
};

test.each<[string, KeySigner, Past, KeySigner[]]>([
  ['the first key', first, nothing, []],
  ['the first key, where it is pinned', first, nothing, [first]],
  ['the key that has signed', first, byFirst, []],
  ['the key that was named', second, justChanged, []],
  ['the key that was named, where the one before it is pinned', second, changed, [first]],
  ['another, where it is pinned as well', second, byFirst, [first, second]],
])('%s may sign', (_, signer, past, pins) => expect(ask(signer, past, ...pins)).toBe('may'));

test.each<[string, KeySigner, Past, KeySigner[], RegExp]>([
  ['a key that took the place of another', second, byFirst, [], /expected [0-9a-f]{64}, .* got .*change-key/],
  ['the same, where only the other is pinned', second, byFirst, [first], /change-key/],
  ['a key that has named its successor', first, changed, [], /has named a successor/],
  ['a key that has named its successor, though it is pinned', first, changed, [first], /has named a successor/],
  ['a key that is not pinned, where another is', first, nothing, [second], /^AUDIT_TRUSTED_KEYS: expected/],
  ['a key that no pin leads to', second, changed, [third], /^AUDIT_TRUSTED_KEYS: expected/],
])('%s may not', (_, signer, past, pins, said) => {
  expect(() => ask(signer, past, ...pins)).toThrow(KeyNotAllowed);
  expect(() => ask(signer, past, ...pins)).toThrow(said);
});
