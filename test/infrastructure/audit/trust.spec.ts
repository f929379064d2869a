/** Whose signature counts: pinned keys, those they have named, and nobody else, whatever lies in the data folder. */
import { generateKeyPairSync } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { changeKey } from '../../../src/application/audit/tree-head-chain.js';
import { treeHeadHash, signedText, type TreeHeadSigner } from '../../../src/application/audit/signed-tree-head.js';
import { spkiOf } from '../../../src/application/audit/keys.js';
import { signingPart, verdictOf } from '../../../src/application/audit/finding.js';
import { verifyTreeHeads } from '../../../src/application/audit/verify-tree-heads.js';
import { verifyLog } from '../../../src/application/audit/verify-log.js';
import { verifyStream } from '../../../src/application/audit/verify-stream.js';
import { KeySigner, knownKeys } from '../../../src/infrastructure/audit/signing-key.js';
import { SystemClock } from '../../../src/infrastructure/system/clock-and-ids.js';
import { eventually } from '../../support/eventually.js';
import { openAudited, type Audited } from './audited.js';

let audited: Audited;
beforeEach(async () => {
  audited = await openAudited();
});
afterEach(() => audited.close());

/** Its public half lies in the data folder, as that of every key that was ever used there, or put there. */
const newKey = async (): Promise<TreeHeadSigner> => {
  const signer = new KeySigner(generateKeyPairSync('ed25519').privateKey);
  await mkdir(path.join(audited.directory, 'keys'), { recursive: true });
  await writeFile(path.join(audited.directory, 'keys', `${signer.keyId}.pem`), signer.publicKey);
  return signer;
};
const sign = async (size: number, signer: TreeHeadSigner, pins: readonly TreeHeadSigner[] = []) => {
  const keeper = await audited.keeper({}, { signer, pins: new Set(pins.map(({ keyId }) => keyId)) });
  keeper.start();
  await audited.append('workflow-a', size - (await audited.tree.size()));
  await audited.signUpTo(keeper, size).finally(() => keeper.stop());
};
const change = async (signer: TreeHeadSigner, next: TreeHeadSigner) => {
  const session = (await audited.tree.tryLead())!;
  const { tree, log, outside } = audited;
  const ports = { tree, log, outside, signer, clock: new SystemClock(), pins: new Set<string>() };
  return changeKey(ports, session, next).finally(() => session.close());
};
const said = async (...pins: readonly TreeHeadSigner[]) => {
  const { stored: log, tree, outside } = audited;
  const keys = { pins: new Set(pins.map(({ keyId }) => keyId)), known: await knownKeys(audited.directory) };
  const checkpoints = await verifyTreeHeads({ log, outside, keys });
  const verified = await verifyLog({ log, tree }, checkpoints.trusted);
  const one = await verifyStream({ log, tree, keys }, 'workflow-a');
  const system = { pins: keys.pins, now: new Date(), checkpointMs: 60_000 };
  const all = verdictOf([checkpoints, verified].map(({ findings }) => ({ findings, unproven: [] })));
  const signed = verdictOf([all, signingPart({ ...checkpoints, ...verified, ...system, proved: verified.covered })]);
  const ofOne = verdictOf([{ findings: one.findings, unproven: [] }, signingPart({ ...one, ...system })]);
  return {
    all: signed.outcome,
    one: ofOne.outcome,
    kinds: [...new Set(signed.findings.map(({ kind }) => kind))],
    unproven: signed.unproven.join(),
  };
};
const lastCheckpoint = async () => (await audited.tree.latestTreeHead())!;

test('a history that was signed anew with a key that was put into the data folder is not proven, and wrong to a verifier who has pinned a key', async () => {
  const [genuine, planted] = [await newKey(), await newKey()];
  await sign(3, planted);
  expect(await said(genuine)).toMatchObject({ all: 'wrong', one: 'wrong', kinds: ['wrong-key'] });
  const unpinned = await said();
  expect(unpinned).toMatchObject({ all: 'not-proven', one: 'not-proven', kinds: [] });
  expect(unpinned.unproven).toContain(planted.keyId);
});

test('with all checkpoints gone, nothing is proven', async () => {
  const key = await newKey();
  await sign(3, key);
  expect(await said(key)).toMatchObject({ all: 'proven', one: 'proven' });
  await audited.dataSource.query("delete from eventstore.events where stream = 'audit-checkpoints'");
  await audited.dataSource.query('delete from audit_checkpoints');
  await writeFile(audited.file, '');
  expect(await said(key)).toMatchObject({ all: 'not-proven', one: 'not-proven', kinds: [] });
  expect((await said(key)).unproven).toMatch(/^Nothing is signed/);
});

test('a pin follows from key to key, as each has named the next; a pin of a later one vouches for what came before', async () => {
  const [first, second, third] = [await newKey(), await newKey(), await newKey()];
  await sign(2, first);
  expect(await change(first, second)).toBe(true);
  await sign(4, second);
  expect(await change(second, third)).toBe(true);
  for (const pin of [first, second, third]) expect(await said(pin)).toMatchObject({ all: 'proven', one: 'proven' });
  await sign(5, third, [first]);
  for (const pin of [first, second, third]) expect(await said(pin)).toMatchObject({ all: 'proven', one: 'proven' });
  expect(await said(await newKey())).toMatchObject({ all: 'wrong', one: 'wrong', kinds: ['wrong-key'] });
  expect((await said()).all).toBe('not-proven');
});

test('the public halves of earlier keys need not be kept: a change holds both', async () => {
  const [first, second] = [await newKey(), await newKey()];
  await sign(2, first);
  await change(first, second);
  for (const { keyId } of [first, second]) await writeFile(path.join(audited.directory, 'keys', `${keyId}.pem`), '');
  expect(await said(first)).toMatchObject({ all: 'proven', one: 'proven' });
});

test('a change that is made again, after it was interrupted, is not made twice', async () => {
  const [first, second] = [await newKey(), await newKey()];
  await sign(2, first);
  await change(first, second);
  const { number } = await lastCheckpoint();
  expect(await change(first, second)).toBe(true);
  expect((await lastCheckpoint()).number).toBe(number);
});

test('before the first checkpoint there is nothing to name a successor for', async () => {
  const [first, second] = [await newKey(), await newKey()];
  expect(await change(first, second)).toBe(false);
  await sign(1, second);
  expect((await said(second)).all).toBe('proven');
});

describe('a key that took the place of another without being named', () => {
  test('an instance with that key signs nothing, and logs what to do', async () => {
    const [first, second] = [await newKey(), await newKey()];
    await sign(2, first);
    const keeper = await audited.keeper({ keyPauseMs: 5 }, { signer: second });
    keeper.start();
    await audited.append('workflow-a', 1);
    await eventually(() => audited.errors.some((error) => error.includes('change-key')));
    // The one with the right key leads beside it, though this one tries again and again.
    const right = await audited.keeper({}, { signer: first });
    right.start();
    await audited.signUpTo(right, 3);
    await right.stop();
    await audited.append('workflow-a', 1);
    await keeper.stop();
    expect(audited.errors).toHaveLength(1);
    expect(await lastCheckpoint()).toMatchObject({ tree_size: 3, key_id: first.keyId });
  });

  test('signs where an operator vouches for it, and counts where both are pinned, and nowhere else', async () => {
    const [first, second] = [await newKey(), await newKey()];
    await sign(2, first);
    await sign(3, second, [first, second]);
    expect(await said(first, second)).toMatchObject({ all: 'proven', one: 'proven' });
    for (const pins of [[first], []]) expect(await said(...pins)).toMatchObject({ all: 'wrong', kinds: ['wrong-key'] });
  });
});

describe('a key and its successor', () => {
  const forge = async (by: TreeHeadSigner, more: object = {}) => {
    const last = await lastCheckpoint();
    const { signature: _made, key_change: _changed, ...rest } = last;
    const unsigned = { ...rest, ...more, number: last.number + 1, key_id: by.keyId, previous: treeHeadHash(last) };
    const data = { ...unsigned, signature: by.sign(signedText(unsigned)) };
    const event = { id: crypto.randomUUID(), type: 'AuditCheckpointSigned', data, metadata: {} };
    await audited.log.append('audit-checkpoints', [event], BigInt(last.number));
  };

  test('the old key signs nothing from then on, pinned or not: a thief of it is too late', async () => {
    const [first, second] = [await newKey(), await newKey()];
    await sign(2, first);
    await change(first, second);
    await forge(first);
    expect(await said(first)).toMatchObject({ all: 'wrong', kinds: ['wrong-key'] });
  });

  test('the old one is not begun with again by an instance that still has it', async () => {
    const [first, second] = [await newKey(), await newKey()];
    await sign(2, first);
    await change(first, second);
    const keeper = await audited.keeper({}, { signer: first });
    keeper.start();
    await audited.append('workflow-a', 1);
    await eventually(() => audited.errors.some((error) => error.includes('has named a successor')));
    await keeper.stop();
    expect((await lastCheckpoint()).key_id).toBe(second.keyId);
  });

  test.each([
    ['the old one', 'checkpoint-signature', 0],
    ['itself', 'wrong-key', 1],
  ])('the new one is not named by somebody who has only that one, in the name of %s', async (_, kind, from) => {
    const [first, thief] = [await newKey(), await newKey()];
    await sign(2, first);
    const keys = [first, thief].map(({ publicKey }) => spkiOf(publicKey));
    await forge(thief, { key_change: { from: keys[from], to: keys[1] } });
    expect(await said(first)).toMatchObject({ all: 'wrong', kinds: [kind] });
  });
});

test('what the file outside lost is written again from the log, and verifies', async () => {
  const [first, second] = [await newKey(), await newKey()];
  await sign(2, first);
  await change(first, second);
  const before = await readFile(audited.file, 'utf8');
  await writeFile(audited.file, '');
  await sign(3, second);
  expect((await readFile(audited.file, 'utf8')).startsWith(before)).toBe(true);
  expect((await said(first)).all).toBe('proven');
});
