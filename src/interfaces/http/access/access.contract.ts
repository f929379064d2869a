import { COMMAND_ERRORS } from '../contract/errors.js';
import { COMMAND_HEADERS } from '../contract/headers.js';
import type { Contract, Operation } from '../contract/operation.js';
import * as is from '../contract/schema.js';
import { json, type Schema, type Schemas } from '../contract/schema.js';
import { PROJECTS, provedActor } from '../contract/shared.contract.js';

const TAG = 'Access';
const ROLES = ['viewer', 'starter', 'operator', 'reviewer', 'auditor', 'admin', 'monitor'];
const KEY_ID = 'abcdefgh2345';
const CURSOR = is.nullable(is.text('For the next page; null: this is the last.', 'WyJhc2MiLCIyMDAiXQ'));
const POSITION = is.nullable(is.revision('The position of the event in the log.', '4711'));
const REASON = is.text('Why.', 'New in the team');
const ROLE = is.choice('The role.', ROLES);
const role = { role: ROLE, projects: PROJECTS };
const person = {
  issuer: is.text('The provider.', 'https://login.example.com'),
  subject: is.text('The person’s id there.', 'ann'),
};

export const ACCESS_SCHEMAS: Schemas = {
  Grantor: is.object('Who gave it.', {
    type: is.text('What kind of actor.', 'user'),
    id: is.text('Whom.', 'root'),
    issuer: is.nullable(is.text('Who vouches for the id.', 'https://login.example.com')),
  }),
  Grant: is.object('A role in projects.', role),
  GivenGrant: is.object('A role in projects, and who gave it.', {
    ...role,
    given_at: is.time('When.'),
    given_by: is.ref('Grantor'),
    reason: REASON,
  }),
  ApiKey: is.object('A key, without its secret.', {
    id: is.text('The id of the key.', KEY_ID),
    name: is.text('The actor of what its service does.', 'nightly-import'),
    status: is.choice('Whether it counts.', ['valid', 'expired', 'revoked']),
    grants: is.list('What it may.', is.ref('Grant')),
    created_at: is.time('When it was made.'),
    created_by: is.ref('Grantor'),
    expires_at: is.nullable(is.time('When it ends.')),
    revoked_at: is.nullable(is.time('When it was revoked.')),
    replaces: is.nullable(is.text('The key that it took the place of.', 'bcdefgh23456')),
    replaced_by: is.nullable(is.text('The key that took its place.', 'cdefgh234567')),
    last_used_at: is.nullable(is.time('When it was used last, give or take a minute.')),
  }),
  Subject: is.object('A person, with their grants.', {
    ...person,
    blocked_at: is.nullable(is.time('Since when they are kept out.')),
    grants: is.list('What they may.', is.ref('GivenGrant')),
  }),
};

const madeKey = {
  description: 'It is made. No later answer shows the secret.',
  content: json(
    is.object('The key and its secret.', {
      key: is.ref('ApiKey'),
      secret: is.text('The whole key, for `Authorization: Bearer`.', 'wfx_abcdefgh2345_bm90IGEgc2VjcmV0'),
      position: POSITION,
    }),
  ),
  headers: ['Location', 'Cache-Control'],
} as const;

const keyed = { id: { description: 'The id of the key.', example: KEY_ID } };

const ofPerson = (id: string, summary: string, description: string): Operation => ({
  id,
  tag: TAG,
  summary,
  description,
  headers: COMMAND_HEADERS,
  fields: { reason: { description: 'Why.', example: 'New in the team' } },
  answers: {
    200: {
      description: 'It is recorded, or was so already (`changed`).',
      content: json(
        is.object('What came of it.', {
          subject: is.nullable(is.ref('Subject')),
          changed: is.flag('Whether anything changed.'),
          position: POSITION,
        }),
      ),
    },
  },
  errors: COMMAND_ERRORS,
});

const listed = (
  id: string,
  summary: string,
  description: string,
  rows: Readonly<Record<string, Schema>>,
  fields: Operation['fields'] = {},
): Operation => ({
  id,
  tag: TAG,
  summary,
  headers: ['If-None-Match'],
  fields,
  answers: {
    200: { description, content: json(is.object('A page.', { ...rows, next_cursor: CURSOR })), headers: ['ETag'] },
    304: { description: 'The caller has this version already.', headers: ['ETag'] },
  },
  errors: ['malformedCursor'],
});

const ROUTE = '/api/v1/access';

export const ACCESS: Contract = {
  [`GET ${ROUTE}/me`]: {
    id: 'getOwnAccess',
    tag: TAG,
    summary: 'Whom the credential proves, and what they may',
    answers: {
      200: {
        description: 'For whatever credential counts.',
        content: json(
          is.object('The caller.', {
            actor: is.object('Whom the credential proves.', {
              ...provedActor,
              via: is.choice('By which kind of credential.', ['local', 'oidc', 'key']),
              verified: is.flag('Whether a credential proved it.'),
            }),
            credential: is.object('What was shown.', {
              kind: is.choice('Its kind.', ['local', 'key', 'token', 'session']),
              key_id: is.nullable(is.text('The id of the key.', KEY_ID)),
              expires_at: is.nullable(is.time('When it ends.')),
            }),
            grants: is.list('Roles, each in projects.', is.ref('Grant')),
            permissions: is.dictionary('What the caller may, each in projects.', PROJECTS, {
              'executions.read': 'all',
            }),
          }),
        ),
      },
    },
    errors: [],
  },
  [`GET ${ROUTE}/keys`]: listed('listApiKeys', 'Keys, the latest first', 'A page of them.', {
    keys: is.list('The keys.', is.ref('ApiKey')),
  }),
  [`GET ${ROUTE}/keys/:id`]: {
    id: 'getApiKey',
    tag: TAG,
    summary: 'One key',
    headers: ['If-None-Match'],
    fields: keyed,
    answers: {
      200: { description: 'The key.', content: json(is.object('It.', { key: is.ref('ApiKey') })), headers: ['ETag'] },
      304: { description: 'The caller has this version already.', headers: ['ETag'] },
    },
    errors: ['notFound'],
  },
  [`POST ${ROUTE}/keys`]: {
    id: 'createApiKey',
    tag: TAG,
    summary: 'Make a key',
    description: 'The one answer that shows it; a repeat under the same `Idempotency-Key` gets 409 with `key_id`.',
    headers: COMMAND_HEADERS,
    fields: {
      name: { description: 'The actor of what its service does.', example: 'nightly-import' },
      grants: { description: 'What it may.', example: [{ role: 'starter', projects: ['metformin'] }] },
    },
    answers: { 201: madeKey },
    errors: COMMAND_ERRORS,
  },
  [`POST ${ROUTE}/keys/:id/rotate`]: {
    id: 'rotateApiKey',
    tag: TAG,
    summary: 'Make a key in the place of another',
    headers: COMMAND_HEADERS,
    fields: {
      ...keyed,
      expires_at: { description: 'When the new key ends; by default it lasts as long as the old one was to.' },
    },
    answers: { 201: madeKey },
    errors: COMMAND_ERRORS,
  },
  [`POST ${ROUTE}/keys/:id/revoke`]: {
    id: 'revokeApiKey',
    tag: TAG,
    summary: 'End a key',
    headers: COMMAND_HEADERS,
    fields: keyed,
    answers: {
      200: {
        description: 'It has ended.',
        content: json(
          is.object('The key.', {
            key: is.ref('ApiKey'),
            changed: is.flag('Whether anything changed.'),
            position: POSITION,
          }),
        ),
      },
    },
    errors: COMMAND_ERRORS,
  },
  [`GET ${ROUTE}/grants`]: listed(
    'listGrants',
    'Roles of persons',
    'A page of them.',
    {
      grants: is.list(
        'The grants.',
        is.object('A grant.', {
          ...person,
          ...role,
          given_at: is.time('When.'),
          given_by: is.ref('Grantor'),
          reason: REASON,
        }),
      ),
    },
    {
      issuer: { description: 'Of persons of that provider alone.' },
      subject: { description: 'Of that person alone.' },
      role: { description: 'Of that role alone.' },
    },
  ),
  [`POST ${ROUTE}/grants`]: ofPerson('giveRole', 'Give a role', 'To a person, in projects.'),
  [`POST ${ROUTE}/grants/withdraw`]: ofPerson(
    'withdrawRole',
    'Take a role back',
    'The same role in the same projects.',
  ),
  [`GET ${ROUTE}/subjects`]: listed(
    'listSubjects',
    'Persons with their grants',
    'A page of them.',
    { subjects: is.list('The persons.', is.ref('Subject')) },
    { blocked: { description: 'Those alone who are kept out, or who are not.', example: true } },
  ),
  [`POST ${ROUTE}/subjects/block`]: ofPerson(
    'blockSubject',
    'Keep a person out',
    'Whatever roles the provider gives them.',
  ),
  [`POST ${ROUTE}/subjects/unblock`]: ofPerson('unblockSubject', 'Let a person in again', 'Their roles count again.'),
  [`GET ${ROUTE}/log`]: {
    id: 'readAccessLog',
    tag: TAG,
    summary: 'Denials, exports, sign-ins and changes of rights',
    fields: {
      subject: { description: 'About that person, service or key alone.' },
      kind: { description: 'Of that kind alone.', example: 'ApiKeyCreated' },
      from: { description: 'Recorded at that time or later.', example: '2026-01-01T00:00:00Z' },
      until: { description: 'Recorded before that time.', example: '2026-02-01' },
    },
    answers: {
      200: {
        description: 'The latest first. A page may have fewer entries than asked for, or none, and more behind it.',
        content: json(
          is.object('A page.', {
            entries: is.list(
              'The entries.',
              is.object('What happened.', {
                id: is.text('The id of the event.', '0198f2e9-0f3c-7a41-8b22-5d7e9c1a3b64'),
                kind: is.text('What kind of event.', 'ApiKeyCreated'),
                recorded_at: is.time('When.'),
                actor: is.anything('Who; null: nobody is known.', { type: 'user', id: 'root' }),
                reason: is.nullable(REASON),
                data: is.open('What the event says, without what proves a key.', { id: KEY_ID }),
                stream: is.text('The stream of the event.', 'access-directory'),
                revision: is.revision('Its place there.', '0'),
                position: is.revision('Its position in the log.', '4711'),
              }),
            ),
            next_cursor: CURSOR,
          }),
        ),
      },
    },
    errors: ['malformedCursor', 'tombstoned', 'damaged'],
  },
};
