/** `npm run lint:openapi`: Redocly holds docs/openapi.json against redocly.yaml, without a word to or from the network. */
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import path from 'node:path';

const require = createRequire(import.meta.url);
const folder = path.dirname(require.resolve('@redocly/cli/package.json'));
const env = { ...process.env, REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true', NO_COLOR: '1' };
const { status, stdout, stderr } = spawnSync(
  process.execPath,
  [path.join(folder, 'bin', 'cli.js'), 'lint', '--config', 'redocly.yaml', '--max-problems', '20'],
  { env, encoding: 'utf8' },
);
if (status !== 0) console.error(stdout + stderr);
process.exit(status ?? 1);
