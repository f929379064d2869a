import { createRequire } from 'node:module';

/** Of the document agents: they are released with the application. */
export const { version: VERSION } = createRequire(import.meta.url)('../../../package.json') as { version: string };
