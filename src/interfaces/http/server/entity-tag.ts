import type { Request, Response } from 'express';
import { badRequest, problem } from './refusal.js';

/**
 * Sets the ETag, and status 304 (which Express sends without a body) where the caller has this version already. Express
 * by itself gives way to `Cache-Control: no-cache`, which fetch() adds to every request with an If-None-Match of its own.
 */
export const tag = (response: Response, version: string): void => {
  const etag = `"${version}"`;
  response.setHeader('ETag', etag);
  const known = (response.req.get('if-none-match') ?? '').split(',').map((each) => each.trim().replace(/^W\//, ''));
  if (known.includes(etag) || known.includes('*')) response.status(304);
};

const ONE_REVISION = /^"(\d{1,18})"$/;

/**
 * The revision that If-Match names; null without it, and for `*`, as each order is about an execution that has to exist.
 * @throws Refusal 400
 */
export const onlyAtOf = (request: Request): bigint | null => {
  const wanted = request.get('if-match');
  if (wanted === undefined || wanted.trim() === '*') return null;
  const revision = ONE_REVISION.exec(wanted.trim())?.[1];
  if (revision !== undefined) return BigInt(revision);
  throw badRequest([problem('If-Match', 'one revision in quotes, as the ETag of the execution has it, or *', wanted)]);
};
