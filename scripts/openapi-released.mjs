/** `npm run docs:openapi:released`, with each release: from then on docs/openapi.json must break no client of what it is now. */
import { copyFileSync } from 'node:fs';
import { commandLine } from '../test/support/command-line.ts';

commandLine(
  'Usage: npm run docs:openapi:released\nTakes docs/openapi.json for that of a release. It takes no arguments.',
  {},
);
copyFileSync('docs/openapi.json', 'docs/openapi.released.json');
