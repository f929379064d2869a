/** `npm run docs:openapi:released`, with each release: from then on docs/openapi.json must break no client of what it is now. */
import { copyFileSync } from 'node:fs';

copyFileSync('docs/openapi.json', 'docs/openapi.released.json');
