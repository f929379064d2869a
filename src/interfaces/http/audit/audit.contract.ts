import { COMMAND_HEADERS } from '../contract/headers.js';
import type { Contract } from '../contract/operation.js';
import * as is from '../contract/schema.js';
import { json, type Schemas } from '../contract/schema.js';

const TAG = 'Audit';
const OUTCOMES = ['accepted', 'findings', 'rejected'];
const MEANINGS = ['author', 'review', 'approval', 'responsibility'];
const REASON = is.text('Why, as it was given.', 'Checked against the source data');

const SIGNING_ERRORS = [
  'malformedSignature',
  'freshSignIn',
  'notFound',
  'dutiesDamaged',
  'tombstoned',
  'keyReused',
  'unavailableWrite',
] as const;

/** Beside an execution, with `include_audit`. */
export const auditMembers = {
  audit: is.ref('AuditStatus'),
  signatures: is.list('Its signatures, oldest first.', is.ref('Signature')),
};

export const AUDIT_SCHEMAS: Schemas = {
  AuditStatus: is.object('What stands of all reviews of an execution.', {
    reviewed_through: is.nullable(is.revision('The last event that anybody has looked at.')),
    unreviewed_events: is.integer('How many events nobody has looked at.', 3),
    last_outcome: is.nullable(is.choice('What came of the last review.', OUTCOMES)),
    last_reviewed_at: is.nullable(is.time('When that was.')),
    last_reviewed_by: is.nullable(is.ref('Actor')),
  }),
  Review: is.object('That a person has looked at a history, how far, and what came of it.', {
    id: is.uuid('The id of the review.', '0198f2d9-11a0-7e55-9c3b-7d2e4f6a8b01'),
    execution_id: is.uuid('The execution.'),
    revision: is.revision('Its place among the reviews of the execution.', '0'),
    through_revision: is.revision('The last event that was looked at.'),
    event_hash: is.hash('Of that event; it covers all before.'),
    outcome: is.choice('What came of it.', OUTCOMES),
    reason: REASON,
    actor: is.ref('Actor'),
    reviewed_at: is.time('When.'),
  }),
  Signature: is.object('An electronic signature of a history and of documents.', {
    id: is.uuid('The id of the signature.', '0198f2da-5b7c-7f12-a0d4-2b6c8e0f1a35'),
    execution_id: is.uuid('The execution.'),
    printed_name: is.text('The signer’s name, as it is printed.', 'Ann Example'),
    subject: is.text('The signer’s id at the provider.', 'ann'),
    issuer: is.text('The provider.', 'https://login.example.com'),
    meaning: is.choice('What the signature says.', MEANINGS, 'approval'),
    through_revision: is.revision('The last event that was signed.'),
    event_hash: is.hash('Of that event; it covers all before.'),
    documents: is.list(
      'The documents that were signed.',
      is.object('A document.', {
        name: is.text('Its name.', 'brochure.pdf'),
        sha256: is.hash('Of its bytes.'),
      }),
    ),
    reason: is.nullable(REASON),
    signed_at: is.time('When it was signed.'),
    authenticated_at: is.time('When the signer had signed in, to sign this.'),
    stale: is.flag('Whether what was signed has changed since.', false),
    stale_because: is.nullable(
      is.object('What has changed.', {
        why: is.choice('In a word.', ['signed_document_replaced', 'document_replaced']),
        document: is.text('The document.', 'brochure.pdf'),
        sha256: is.hash('Of what it is now.'),
        revision: is.revision('The event that changed it.'),
      }),
    ),
    withdrawn: is.flag('Whether it was withdrawn.', false),
    withdrawal: is.nullable(
      is.object('By whom, why and when.', { by: is.ref('Actor'), reason: REASON, at: is.time('When.') }),
    ),
  }),
};

const SIGNED = is.object('The signature.', { signature: is.ref('Signature') });

export const AUDIT: Contract = {
  'POST /api/v1/workflow/:execution_id/audit-reviews': {
    id: 'recordReview',
    tag: TAG,
    summary: 'Record a review of a history',
    headers: COMMAND_HEADERS,
    fields: { outcome: { description: 'What came of it.', example: 'accepted' } },
    answers: {
      201: {
        description: 'It is recorded.',
        content: json(is.object('The review.', { review: is.ref('Review'), audit: is.ref('AuditStatus') })),
      },
    },
    errors: ['malformedReview', 'notFound', 'dutiesDamaged', 'tombstoned', 'keyReused', 'unavailableWrite'],
  },
  'GET /api/v1/workflow/:execution_id/audit-reviews': {
    id: 'listReviews',
    tag: TAG,
    summary: 'The reviews of an execution',
    answers: {
      200: {
        description: 'All of them, oldest first.',
        content: json(
          is.object('The reviews.', {
            reviews: is.list('Each of them.', is.ref('Review')),
            audit: is.ref('AuditStatus'),
          }),
        ),
      },
    },
    errors: ['malformedHistory', 'notFound', 'damaged', 'tombstoned'],
  },
  'GET /api/v1/workflow/:execution_id/audit-pack': {
    id: 'getAuditPack',
    tag: TAG,
    summary: 'A ZIP that proves the history offline',
    description:
      'Events, hashes, signed checkpoint, proofs, artifacts, a report and `verify.mjs`, which checks it. Each export is recorded.',
    answers: {
      200: {
        description: 'The ZIP.',
        content: {
          'application/zip': {
            type: 'string',
            contentMediaType: 'application/zip',
            description: 'Its bytes.',
            examples: ['PK'],
          },
        },
        headers: ['Content-Disposition', 'Cache-Control'],
      },
    },
    errors: ['malformedPack', 'notFound', 'packConflict', 'tombstoned', 'artifactDamaged', 'unavailableWrite'],
  },
  'POST /api/v1/workflow/:execution_id/signatures': {
    id: 'signExecution',
    tag: TAG,
    summary: 'Sign a history and its documents',
    description: 'After a fresh sign-in, which has to name what it is for.',
    headers: COMMAND_HEADERS,
    fields: {
      meaning: { description: 'What the signature says.', example: 'approval' },
      through_revision: { description: 'The last event that is signed.' },
      documents: {
        description: 'SHA-256 of the documents that are signed; none: the history alone.',
        example: ['9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08'],
      },
    },
    answers: { 201: { description: 'It is signed.', content: json(SIGNED) } },
    errors: SIGNING_ERRORS,
  },
  'GET /api/v1/workflow/:execution_id/signatures': {
    id: 'listSignatures',
    tag: TAG,
    summary: 'The signatures of an execution',
    answers: {
      200: {
        description: 'All of them, stale and withdrawn ones among them.',
        content: json(is.object('The signatures.', { signatures: auditMembers.signatures })),
      },
    },
    errors: ['notFound', 'damaged', 'tombstoned'],
  },
  'POST /api/v1/workflow/:execution_id/signatures/:signature_id/withdraw': {
    id: 'withdrawSignature',
    tag: TAG,
    summary: 'Withdraw a signature',
    headers: COMMAND_HEADERS,
    fields: {
      signature_id: { description: 'The id of the signature.', example: '0198f2da-5b7c-7f12-a0d4-2b6c8e0f1a35' },
    },
    answers: { 200: { description: 'It is withdrawn.', content: json(SIGNED) } },
    errors: SIGNING_ERRORS,
  },
};
