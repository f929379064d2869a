/** Separation of duties and electronic signatures, with persons whom a scripted provider vouches for. */
import { spawnSync } from 'node:child_process';
import { createHash, createPrivateKey, randomUUID, sign } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { jest } from '@jest/globals';
import { unzipSync } from 'fflate';
import { Authenticator, type Presented } from '../../src/application/access/authenticator.js';
import { freshSignInAt, FreshSignInRequired, FreshSignIns } from '../../src/application/access/fresh-sign-ins.js';
import { Unauthenticated, type Principal } from '../../src/application/access/principal.js';
import { chained, eventHash, hashOf, linkOf } from '../../src/application/log/event-hash.js';
import { EventLog, type RecordedEvent } from '../../src/application/log/event-log.js';
import { Rights } from '../../src/domain/access/grants.js';
import type { Role } from '../../src/domain/access/permissions.js';
import { canonicalJson, type Json } from '../../src/domain/json.js';
import { readPdf } from '../agents/investigators-brochure/pdf-text.js';
import { eventually } from '../support/eventually.js';
import { startTestApp, type TestApp } from './support/test-app.js';

/* eslint-disable @typescript-eslint/no-explicit-any -- answers are JSON whose shape is what the tests assert */

const ISSUER = 'https://id.example.com';
const ROLES: Readonly<Record<string, readonly Role[]>> = {
  olga: ['operator', 'reviewer'],
  rita: ['reviewer'],
  quinn: ['reviewer'],
  vera: ['viewer', 'auditor'],
  robot: ['operator', 'reviewer'],
  ada: ['admin'],
  bert: ['admin'],
};
const NAMES: Readonly<Record<string, string>> = { olga: 'Olga Ström', rita: 'Rita Müller-Okafor', quinn: 'Quinn Ng' };

const principalOf = ({ authorization = '' }: Presented): Principal => {
  const id = authorization.replace('Bearer ', '');
  const roles = ROLES[id];
  if (!roles) throw new Unauthenticated('CREDENTIALS_REFUSED', 'Credentials: nobody of the test');
  const rights = new Rights(roles.map((role) => ({ role, projects: 'all' as const })));
  if (id === 'robot') {
    const actor = { type: 'service', id, issuer: 'keys', via: 'key', verified: true } as const;
    return { actor, rights, credential: { kind: 'key', id: 'k' } };
  }
  const actor = { type: 'user', id, name: NAMES[id], issuer: ISSUER, via: 'oidc', verified: true } as const;
  return { actor, rights, credential: { kind: 'token', expiresAt: new Date('2999-01-01'), claimed: [] } };
};

let app: TestApp;
let directory = '';
let dataDir = '';
let id = '';
let pdf: Buffer;
let sha256 = '';
let last = 0;
const spies: { mockRestore: () => void }[] = [];
/** Sign-ins that count, by person and purpose: when each was made. */
const signIns = new Map<string, Date>();

const ask = async (who: string, method: string, where: string, body?: object, headers: Record<string, string> = {}) => {
  const response = await fetch(app.api.url + where, {
    method,
    headers: { authorization: `Bearer ${who}`, 'content-type': 'application/json', ...headers },
    ...(body && { body: JSON.stringify(body) }),
  });
  const isJson = response.headers.get('content-type')?.includes('json');
  const content = isJson ? await response.json() : Buffer.from(await response.arrayBuffer());
  return { status: response.status, headers: response.headers, body: content };
};
const of = (execution = id) => `/api/v1/workflow/${execution}`;
const NAME = 'metformin-investigators-brochure.pdf';
const freshly = (who: string, at = new Date()) => void signIns.set(`${who} sign:${id}`, at);
const asked = (more: object = {}) => ({ meaning: 'approval', through_revision: last, documents: [sha256], ...more });
const post = (who: string, more: object = {}, headers: Record<string, string> = {}) =>
  ask(who, 'POST', `${of()}/signatures`, asked(more), headers);
const list = async (): Promise<any[]> => (await ask('vera', 'GET', `${of()}/signatures`)).body.data.signatures;

beforeAll(async () => {
  const proven = jest.spyOn(Authenticator.prototype, 'authenticate').mockImplementation(principalOf);
  directory = await mkdtemp(path.join(tmpdir(), 'signatures-'));
  dataDir = path.join(directory, 'data');
  app = await startTestApp({ AUTH: 'keys', DATA_DIR: dataDir });
  const fresh = jest
    .spyOn(app.server.app.get(FreshSignIns), 'consume')
    .mockImplementation(async ({ actor }, purpose) => {
      const authenticatedAt = signIns.get(`${actor.id} ${purpose}`);
      if (!signIns.delete(`${actor.id} ${purpose}`)) throw new FreshSignInRequired(freshSignInAt(purpose));
      return { authenticatedAt: authenticatedAt! };
    });
  spies.push(proven, fresh);
  const body = { project_id: 'metformin', document_type: 'ib', triggered_by: 'rita' };
  id = (await ask('olga', 'POST', '/api/v1/workflow/start', body)).body.data.execution.id;
  const state = async () => (await ask('vera', 'GET', `/api/v1/workflow?execution_id=${id}`)).body.data?.execution;
  const done = await eventually(
    async () => {
      const now = await state();
      if (now?.current_state !== 'completed') throw new Error(`Expected completed, it is ${now?.current_state}`);
      return now;
    },
    { deadlineMs: 60_000 },
  );
  last = Number(done.revision);
  pdf = (await ask('vera', 'GET', `${of()}/artifacts/${NAME}`)).body;
  sha256 = createHash('sha256').update(pdf).digest('hex');
}, 120_000);
afterAll(async () => {
  await app.close();
  for (const { mockRestore } of spies) mockRestore();
  await rm(directory, { recursive: true });
});

describe('who did it does not vouch for it', () => {
  test('the person who started an execution neither signs nor reviews it: 409, which names the act', async () => {
    freshly('olga');
    const error = { code: 'SEPARATION_OF_DUTIES', details: { act: 'started', revision: '0' } };
    expect(await post('olga')).toMatchObject({ status: 409, body: { error } });
    const review = { through_revision: last, outcome: 'accepted', reason: 'as planned' };
    expect(await ask('olga', 'POST', `${of()}/audit-reviews`, review)).toMatchObject({ status: 409, body: { error } });
    // The refusal has used no sign-in.
    expect(signIns.delete(`olga sign:${id}`)).toBe(true);
  });

  test('whom the start merely named is free to review', async () => {
    const review = { through_revision: last, outcome: 'accepted', reason: 'as planned' };
    expect((await ask('rita', 'POST', `${of()}/audit-reviews`, review)).status).toBe(201);
  });
});

describe('a signature', () => {
  test('needs a sign-in that is fresh: 401 with where to sign in', async () => {
    const error = { code: 'FRESH_SIGN_IN_REQUIRED', details: { sign_in_at: expect.stringContaining(id) } };
    const refused = await post('rita');
    expect(refused).toMatchObject({ status: 401, body: { error } });
    expect(refused.headers.get('www-authenticate')).toContain('insufficient_user_authentication');
    freshly('rita', new Date(Date.now() - 6 * 60_000));
    expect(await post('rita')).toMatchObject({ status: 401, body: { error } });
  });

  test('is not given by a service, nor without the permission', async () => {
    expect(await post('robot')).toMatchObject({ status: 403, body: { error: { code: 'FORBIDDEN' } } });
    expect((await post('vera')).status).toBe(403);
  });

  test.each([
    ['another hash', { documents: ['f'.repeat(64)] }, 409],
    ['a revision beyond the end', { through_revision: 10_000 }, 400],
    ['an unknown meaning', { meaning: 'liked' }, 400],
    ['no list of documents', { documents: 'all' }, 400],
  ])('is refused for %s, and uses no sign-in', async (_, more, status) => {
    freshly('rita');
    expect((await post('rita', more)).status).toBe(status);
    expect(signIns.delete(`rita sign:${id}`)).toBe(true);
  });

  test('is recorded with name, meaning, time and what was signed; a repeat is the same one and uses no sign-in', async () => {
    freshly('rita');
    const headers = { 'idempotency-key': randomUUID() };
    const first = await post('rita', { reason: 'fit for use' }, headers);
    const signature = {
      ...{ printed_name: 'Rita Müller-Okafor', subject: 'rita', issuer: ISSUER, meaning: 'approval' },
      ...{ through_revision: String(last), documents: [{ name: NAME, sha256 }], reason: 'fit for use' },
      ...{ stale: false, withdrawn: false },
    };
    expect(first).toMatchObject({ status: 201, body: { data: { signature } } });
    expect(await post('rita', { reason: 'fit for use' }, headers)).toMatchObject({ status: 201, body: first.body });
    expect((await post('rita', { meaning: 'review' }, headers)).status).toBe(422);
    expect(await list()).toEqual([first.body.data.signature]);
    const shown = await ask('vera', 'GET', `/api/v1/workflow?execution_id=${id}&include_audit=true`);
    expect(shown.body.data).toMatchObject({ audit: { reviewed_through: String(last) }, signatures: [signature] });
    // The sign-in was used.
    expect((await post('rita')).status).toBe(401);
  });

  test('is printed on a page behind the document, whose bytes stay as they were signed', async () => {
    const copy = await ask('vera', 'GET', `${of()}/artifacts/${NAME}?signatures=true`);
    expect(copy.status).toBe(200);
    expect(copy.headers.get('content-disposition')).toContain('metformin-investigators-brochure-signed.pdf');
    expect(createHash('sha256').update(copy.body.subarray(0, pdf.length)).digest('hex')).toBe(sha256);
    const [{ pages }, { pages: own }] = [await readPdf(copy.body), await readPdf(pdf)];
    expect(pages).toHaveLength(own.length + 1);
    const [signature] = await list();
    const page = pages.at(-1)!.replace(/\s/g, '');
    for (const shown of [
      'Rita Müller-Okafor',
      'Approval: approves it',
      signature.signed_at,
      sha256,
      signature.event_hash,
    ])
      expect(page).toContain(shown.replace(/\s/g, ''));
    if (process.env['KEEP_SIGNED_COPY']) await writeFile(process.env['KEEP_SIGNED_COPY'], copy.body);
    const docx = `${of()}/artifacts/${NAME.replace('.pdf', '.docx')}?signatures=true`;
    expect((await ask('vera', 'GET', docx)).body).toMatchObject({ error: { code: 'NOT_A_PDF' } });
  });

  test('is withdrawn by an event, and still shown', async () => {
    freshly('quinn');
    const { body } = await post('quinn', { meaning: 'review' });
    const where = `${of()}/signatures/${body.data.signature.id}/withdraw`;
    expect((await ask('quinn', 'POST', where, {})).status).toBe(400);
    expect((await ask('robot', 'POST', where, { reason: 'no' })).status).toBe(403);
    expect(
      (await ask('quinn', 'POST', where.replace(/[0-9a-f]{12}\/w/, '000000000000/w'), { reason: 'x' })).status,
    ).toBe(404);
    const withdrawal = { by: { id: 'quinn', name: 'Quinn Ng' }, reason: 'signed the wrong one' };
    const ended = await ask('quinn', 'POST', where, { reason: 'signed the wrong one' });
    expect(ended.body.data.signature).toMatchObject({ withdrawn: true, withdrawal });
    expect((await list()).map(({ meaning, withdrawn }) => [meaning, withdrawn])).toEqual([
      ...[
        ['approval', false],
        ['review', true],
      ],
    ]);
  });
});

describe('what takes two persons', () => {
  const table = '/api/v1/admin/projections/workflow_steps';
  const order = (who: string, what: string) => ask(who, 'POST', `${table}/${what}`, { reason: `${who} says so` });
  const last = async () => (await ask('ada', 'GET', table)).body.data.projection.last_rebuild;

  test('a table that a rebuild replaced is dropped once a second person asks for it', async () => {
    expect((await ask('ada', 'POST', `${table}/rebuilds`, { reason: 'r', require: 'none' })).body.error).toMatchObject({
      ...{ code: 'SEPARATION_OF_DUTIES', details: { duty: 'approve' } },
    });
    expect((await order('ada', 'rebuilds')).status).toBe(202);
    await eventually(async () => expect((await last()).phase).toBe('swapped'), { deadlineMs: 30_000 });
    const { status, body } = await order('ada', 'drop-previous');
    const awaiting = { action: 'drop-previous', proposed_by: { id: 'ada' }, reason: 'ada says so' };
    expect({ status, ...body.data }).toMatchObject({ status: 202, rebuild: { awaiting } });
    const { proposed_at: at, expires_at: end } = body.data.rebuild.awaiting;
    expect(Date.parse(end) - Date.parse(at)).toBe(24 * 3_600_000);
    expect((await order('ada', 'drop-previous')).body.data.rebuild.awaiting).toEqual(body.data.rebuild.awaiting);
    const done = (await order('bert', 'drop-previous')).body.data.rebuild;
    expect(done).not.toHaveProperty('awaiting');
    expect(done.allowed_actions).toEqual(['rebuild']);
  }, 60_000);
});

describe('the audit pack', () => {
  let pack = '';
  let signatures: any;
  const unpacked = async (execution: string, to: string) => {
    const { status, body } = await ask('vera', 'GET', `${of(execution)}/audit-pack`);
    expect(status).toBe(200);
    for (const [name, content] of Object.entries(unzipSync(body))) {
      await mkdir(path.dirname(path.join(to, name)), { recursive: true });
      await writeFile(path.join(to, name), content);
    }
  };
  const verify = () => {
    const args = ['src/infrastructure/audit/pack/verify.mjs', pack, '--key', app.server.signingKey];
    const { status, stdout } = spawnSync(process.execPath, args, { encoding: 'utf8' });
    return { status, output: stdout };
  };
  beforeAll(async () => {
    pack = path.join(directory, 'pack');
    await unpacked(id, pack);
    signatures = JSON.parse(await readFile(path.join(pack, 'signatures.json'), 'utf8'));
  }, 60_000);

  test('proves each signature offline, with its standing, and prints them in its report', async () => {
    const { status, output } = verify();
    expect(status).toBe(0);
    expect(output).toMatch(
      new RegExp(`Signature: Rita Müller-Okafor \\(rita\\), approval, .*\\n.*${sha256}: stands\\.`),
    );
    expect(output).toMatch(
      /Signature: Quinn Ng \(quinn\), review, .*\n.*WITHDRAWN at .* by Quinn Ng: signed the wrong one/,
    );
    const { pages } = await readPdf(await readFile(path.join(pack, 'report.pdf')));
    expect(pages.at(-1)!.replace(/\s/g, '')).toMatch(/Electronicsignatures.*RitaMüller-Okafor.*WITHDRAWNat/);
  });

  /** As a forger would who holds the key for packs, and not what signed the tree at its time. */
  const forge = async (change: (all: any) => void, isSigned: boolean, isHashed = false) => {
    const all = structuredClone(signatures);
    change(all);
    if (isHashed)
      all.events.forEach((event: any, place: number) => {
        const previousHash = place === 0 ? null : all.events[place - 1].metadata.hash;
        event.metadata.previousHash = previousHash;
        event.metadata.hash = eventHash(event);
        all.chain[place] = { revision: event.revision, hash: event.metadata.hash, previous_hash: previousHash };
      });
    const content = Buffer.from(`${JSON.stringify(all, null, 1)}\n`);
    await writeFile(path.join(pack, 'signatures.json'), content);
    const manifest = JSON.parse(await readFile(path.join(pack, 'manifest.json'), 'utf8'));
    if (!isSigned) return verify();
    const kept = await Promise.all(['manifest.json', 'manifest.sig'].map((name) => readFile(path.join(pack, name))));
    manifest.files['signatures.json'] = {
      ...{ sha256: createHash('sha256').update(content).digest('hex'), bytes: content.length },
    };
    const text = canonicalJson(manifest as Json);
    const key = createPrivateKey(await readFile(path.join(dataDir, 'audit', 'signing-key.pem'), 'utf8'));
    await writeFile(path.join(pack, 'manifest.json'), text);
    await writeFile(path.join(pack, 'manifest.sig'), sign(null, Buffer.from(text), key).toString('base64'));
    const verified = verify();
    await writeFile(path.join(pack, 'manifest.json'), kept[0]!);
    await writeFile(path.join(pack, 'manifest.sig'), kept[1]!);
    return verified;
  };
  afterEach(() => writeFile(path.join(pack, 'signatures.json'), `${JSON.stringify(signatures, null, 1)}\n`));

  const TAMPERED: readonly [string, (all: any) => void, string][] = [
    ['the name', ({ events }) => (events[0].data.printedName = 'Somebody Else'), 'content has not the hash'],
    ['the meaning', ({ events }) => (events[0].data.meaning = 'author'), 'content has not the hash'],
    ['a document', ({ events }) => (events[0].data.documents[0].sha256 = 'f'.repeat(64)), 'content has not the hash'],
    ['the actor', ({ events }) => (events[0].metadata.actor.id = 'olga'), 'content has not the hash'],
  ];
  test.each(TAMPERED)(
    'fails where a forger altered %s: as it stands, signed again, and hashed again',
    async (_, change, why) => {
      expect(await forge(change, false)).toMatchObject({
        status: 1,
        output: expect.stringContaining('is not what it was'),
      });
      expect(await forge(change, true)).toMatchObject({ status: 1, output: expect.stringContaining(why) });
      expect(await forge(change, true, true)).toMatchObject({
        status: 1,
        output: expect.stringContaining('is not proved'),
      });
    },
  );

  test('fails where a withdrawal, or the signature that it is of, was taken out', async () => {
    const dropLast = (all: any) => void Object.values(all).forEach((each: any) => each.pop());
    expect(await forge(dropLast, false)).toMatchObject({
      status: 1,
      output: expect.stringContaining('is not what it was'),
    });
    const dropSecond = (all: any) => void Object.values(all).forEach((each: any) => each.splice(1, 1));
    expect(await forge(dropSecond, true)).toMatchObject({
      status: 1,
      output: expect.stringContaining('one is missing'),
    });
    expect(await forge(dropSecond, true, true)).toMatchObject({
      status: 1,
      output: expect.stringContaining('one is missing'),
    });
  });

  test('says which signature is stale, as the API does', async () => {
    // As a retry that made the document anew would leave it: the bytes of the DOCX under the name of the PDF.
    const log = app.server.app.get(EventLog);
    // And an event of another program, which counts for nothing.
    const foreign = { id: randomUUID(), type: 'SignatureApplied', data: { nonsense: true }, metadata: {} };
    await log.append(`signature-${id}`, [foreign], (await log.read(`signature-${id}`)).revision);
    const { events, revision } = await log.read(`workflow-${id}`);
    const made = events.findLast(({ type }) => type === 'StepCompleted')!;
    const files = (made.data as any).artifacts as { name: string; sha256: string }[];
    const docx = files.find(({ name }) => name.endsWith('.docx'))!;
    const data = { ...(made.data as object), artifacts: [{ ...docx, name: NAME }] } as Json;
    const event = { id: randomUUID(), type: made.type, data, metadata: made.metadata as Json };
    const unchained = { event, dataHash: hashOf(data), bytes: 0 };
    const again = chained(`workflow-${id}`, [unchained], revision, linkOf(events.at(-1) as RecordedEvent));
    await log.append(`workflow-${id}`, again.events, revision);

    const because = {
      why: 'signed_document_replaced',
      document: NAME,
      sha256: docx.sha256,
      revision: String(last + 1),
    };
    expect((await list())[0]).toMatchObject({ stale: true, stale_because: because });
    await unpacked(id, pack);
    const { status, output } = verify();
    expect(output).toMatch(
      new RegExp(`Rita Müller-Okafor .*\\n.*STALE: ${NAME} has other bytes since revision ${last + 1}`),
    );
    expect(status).toBe(0);
  }, 60_000);
});
