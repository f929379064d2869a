import type { Contract } from '../contract/operation.js';

const TAG = 'Operation';
const UNCHANGED = { description: 'The caller has this version already.', headers: ['ETag'] } as const;

export const REFERENCE: Contract = {
  'GET /openapi.json': {
    id: 'getOpenApi',
    tag: TAG,
    summary: 'This document',
    headers: ['If-None-Match'],
    answers: {
      200: {
        description: 'OpenAPI 3.1, with the address of this installation.',
        content: {
          'application/json': {
            type: 'object',
            description: 'The document.',
            additionalProperties: true,
            examples: [{ openapi: '3.1.0' }],
          },
        },
        headers: ['ETag'],
      },
      304: UNCHANGED,
    },
    errors: [],
  },
  'GET /docs': {
    id: 'showReference',
    tag: TAG,
    summary: 'The same as a page',
    description: 'It needs no script and no other host.',
    headers: ['If-None-Match'],
    answers: {
      200: {
        description: 'The page.',
        content: { 'text/html': { type: 'string', description: 'HTML.', examples: ['<!doctype html>'] } },
        headers: ['ETag'],
      },
      304: UNCHANGED,
    },
    errors: [],
  },
};
