/**
 * `npm run docs:openapi` writes docs/openapi.json: from the routes of the controllers, the checks of their fields, the table of
 * permissions, and the contracts beside the controllers.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import { commandLine } from '../test/support/command-line.js';
import { openApiDocument } from '../src/interfaces/http/contract/document.js';

export const OPENAPI_FILE = 'docs/openapi.json';

export async function openApiText(): Promise<string> {
  const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
  const text = JSON.stringify(openApiDocument(version));
  return format(text, { ...(await resolveConfig(OPENAPI_FILE)), parser: 'json' });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  commandLine('Usage: npm run docs:openapi\nWrites docs/openapi.json from the routes. It takes no arguments.', {});
  writeFileSync(OPENAPI_FILE, await openApiText());
}
