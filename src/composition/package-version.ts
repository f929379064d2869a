import { readFileSync } from 'node:fs';
import { z } from 'zod';

const described = z.object({ version: z.string(), engines: z.object({ node: z.string() }) });

/** What package.json says: it lies two folders above this file, built or not. */
export const packageDescription = () =>
  described.parse(JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')));

export const packageVersion = (): string => packageDescription().version;
