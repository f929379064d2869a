import { execFileSync } from 'node:child_process';
import { VERBS } from '../../../../src/interfaces/cli/workflow/verbs.js';
import { captured } from './capture.js';

const completion = VERBS.find(({ name }) => name === 'completion')!.run!;

/** A shell that has loaded the script, and a `workflow` of its own that prints a help. */
const completed = async (shell: 'bash' | 'zsh', ...words: string[]): Promise<readonly string[]> => {
  const { output } = await captured(() => completion([shell]));
  const script = `workflow() { [ "$*" = 'list --help' ] && echo 'Usage: --state S, --all, --json'; }
${shell === 'zsh' ? output.split('\n').slice(1).join('\n') : output}
COMP_WORDS=(workflow ${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length}
_workflow; printf '%s\\n' "\${COMPREPLY[@]}"`;
  return execFileSync('bash', ['--norc', '-c', script], { encoding: 'utf8' }).trim().split('\n');
};

test('bash completes verbs, and the options that the help of a verb shows', async () => {
  expect(await completed('bash', 're')).toEqual(['resume', 'retry', 'replay']);
  expect(await completed('bash', 'list', '--')).toEqual(['--all', '--json', '--state']);
  expect(await completed('bash', 'list', 'x')).toEqual(['']);
});

test('zsh is given the same function, behind what makes it understand it', async () => {
  const [bash, zsh] = [await captured(() => completion(['bash'])), await captured(() => completion(['zsh']))];
  expect(zsh.output).toMatch(/^autoload .*bashcompinit\n/);
  expect(zsh.output.endsWith(bash.output)).toBe(true);
  expect(await completed('zsh', 'li')).toEqual(['list']);
});
