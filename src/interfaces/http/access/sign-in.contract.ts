import type { Contract } from '../contract/operation.js';
import * as is from '../contract/schema.js';
import type { Schema } from '../contract/schema.js';
import { provedActor } from '../contract/shared.contract.js';

const TAG = 'Sign in';
const PAGE = { 'text/html': { type: 'string', description: 'A page.', examples: ['<!doctype html>'] } };
const REDIRECT = { description: 'The browser goes on there.', headers: ['Location', 'Cache-Control'] } as const;
const PROJECTS: Schema = {
  description: 'Where it counts.',
  oneOf: [{ const: 'all' }, { type: 'array', items: { type: 'string' } }],
  examples: ['all'],
};

export const SIGN_IN: Contract = {
  'GET /sign-in': {
    id: 'showSignInPage',
    tag: TAG,
    summary: 'A page that shows who is signed in',
    description: 'With `AUTH=oidc`.',
    fields: { problem: { description: 'Why a sign-in came to nothing.', example: 'refused' } },
    answers: { 200: { description: 'The page.', content: PAGE } },
    errors: ['notFound'],
  },
  'GET /auth/sign-in': {
    id: 'beginSignIn',
    tag: TAG,
    summary: 'Send the browser to the provider',
    description: 'With `AUTH=oidc`.',
    fields: {
      return_to: { description: 'Where the browser goes on afterwards; by default `/sign-in`.', example: '/sign-in' },
      fresh: { description: 'Has the person authenticate anew, for the purpose in `for`.', example: '1' },
      for: { description: 'What the new sign-in is for.', example: 'sign:0198f2d4' },
    },
    answers: {
      303: REDIRECT,
      503: {
        description: 'The provider does not answer: a page for callers that accept pages, else an error.',
        content: { ...PAGE, 'application/json': is.ref('Error'), 'application/problem+json': is.ref('Problem') },
        headers: ['Retry-After'],
      },
    },
    errors: ['notFound'],
  },
  'GET /auth/callback': {
    id: 'finishSignIn',
    tag: TAG,
    summary: 'Where the provider sends the browser back',
    description: 'Makes the session. The query is the provider’s. Whatever comes of it, the person gets a page.',
    answers: { 303: REDIRECT },
    errors: ['notFound'],
  },
  'POST /auth/sign-out': {
    id: 'signOut',
    tag: TAG,
    summary: 'End the session',
    description: 'No body is read. A page sends the token of the session in the address, a program in `X-CSRF-Token`.',
    fields: { csrf_token: { description: 'The token of the session.', example: 'q1w2e3r4t5y6u7i8o9p0' } },
    answers: {
      200: {
        description: 'It has ended.',
        content: {
          'application/json': is.envelope(
            is.object('It has ended.', { signed_out: is.constant('Nobody is signed in.', true) }),
          ),
        },
        headers: ['Cache-Control'],
      },
      303: REDIRECT,
    },
    errors: ['forbidden', 'notFound'],
  },
  'GET /auth/me': {
    id: 'getSession',
    tag: TAG,
    summary: 'Whom the credential proves, and the token of the session',
    answers: {
      200: {
        description: 'For whatever credential counts.',
        content: {
          'application/json': is.envelope(
            is.object('The caller.', {
              actor: is.object('Whom the credential proves.', {
                ...provedActor,
                via: is.nullable(is.choice('By which kind of credential.', ['oidc', 'key'])),
              }),
              roles: is.list(
                'Roles, each in projects.',
                is.object('A role.', { role: is.text('The role.', 'operator'), projects: PROJECTS }),
              ),
              authenticated_at: is.nullable(is.time('When the person signed in.')),
              expires_at: is.nullable(is.time('When the credential ends.')),
              csrf_token: is.nullable(is.text('For writes with a cookie, in `X-CSRF-Token`.', 'q1w2e3r4t5y6u7i8o9p0')),
            }),
          ),
        },
        headers: ['Cache-Control'],
      },
    },
    errors: [],
  },
};
