/** What answers have in common: the envelope, versions for caches, addresses. Revisions and positions are strings: they may exceed a double. */
import type { NestExpressApplication } from '@nestjs/platform-express';
import type { Response } from 'express';

type Answer<Data> = Readonly<{ success: true; data: Data }>;

export const answer = <Data>(data: Data): Answer<Data> => ({ success: true, data });

/** For answers that no later event can change; private, as they are a client's data. */
export const markImmutable = (response: Response): void => {
  response.setHeader('Cache-Control', 'private, max-age=31536000, immutable');
};

/** Before the routes, in addresses as clients see them, stands the path of PUBLIC_URL, which a proxy takes away. */
const SETTING = 'public path';

/** @param path without a slash at the end */
export const usePublicPath = (app: NestExpressApplication, path: string): void => void app.set(SETTING, path);

export const publicly = (response: Response, route: string): string =>
  `${String(response.app.get(SETTING) ?? '')}${route}`;

/** @param route from `/` on */
export const location = (response: Response, route: string): void => {
  response.setHeader('Location', publicly(response, route));
};

/** @param route from `/` on, with its query */
export const linkToNext = (response: Response, route: string): void => {
  response.setHeader('Link', `<${publicly(response, route)}>; rel="next"`);
};

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
