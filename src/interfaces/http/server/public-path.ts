/** Addresses of this API as clients see them: before the routes stands the path of PUBLIC_URL, which a proxy takes away. */
import type { NestExpressApplication } from '@nestjs/platform-express';
import type { Response } from 'express';

const SETTING = 'public path';

/** @param path without a slash at the end */
export const usePublicPath = (app: NestExpressApplication, path: string): void => void app.set(SETTING, path);

const publicly = (response: Response, route: string): string => `${String(response.app.get(SETTING) ?? '')}${route}`;

/** @param route from `/` on */
export const location = (response: Response, route: string): void => {
  response.setHeader('Location', publicly(response, route));
};

/** @param route from `/` on, with its query */
export const linkToNext = (response: Response, route: string): void => {
  response.setHeader('Link', `<${publicly(response, route)}>; rel="next"`);
};
