/** The example of docs/testing.md, as its readers run it: in a process of its own, over what the package exports. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';

const EXAMPLE = 'examples/testing/report.test.mjs';

it('passes as it stands', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, ['--test', '--test-reporter=tap', EXAMPLE]);
  expect(stdout).toMatch(/^# pass 6$/m);
  expect(stdout).toMatch(/^# fail 0$/m);
});

it('is what docs/testing.md shows', () => {
  // The page shows parts of tests further to the left.
  const unindented = (code: string) => code.replace(/^ +/gm, '');
  const example = unindented(readFileSync(EXAMPLE, 'utf8'));
  const shown = [...readFileSync('docs/testing.md', 'utf8').matchAll(/^```js\n([^]*?)^```$/gm)].map(
    ([, code = '']) => code,
  );
  expect(shown.length).toBeGreaterThan(1);
  expect(shown.filter((code) => !example.includes(unindented(code)))).toEqual([]);
});
