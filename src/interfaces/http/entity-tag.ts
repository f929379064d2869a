import type { Response } from 'express';

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
