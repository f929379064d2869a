import { UsageError } from '../../../../src/composition/run-until-signal.js';
import { VERBS } from '../../../../src/interfaces/cli/workflow/verbs.js';
import { usage } from '../../../../src/interfaces/cli/workflow/usage.js';
import { exitCodeOf } from '../../../../src/interfaces/cli/workflow/exit.js';
import { ApiRefusal, NotReachable } from '../../../../src/interfaces/cli/workflow-client.js';
import { captured } from './capture.js';

const overApi = VERBS.flatMap(({ name, run }) => (run ? [{ name, run }] : []));

test('the usage lists every verb once', () => {
  const lines = usage().split('\n');
  for (const { name, summary } of VERBS)
    expect(lines.filter((line) => line.startsWith(`  ${name} `) && line.endsWith(summary))).toHaveLength(1);
});

test('every verb that runs here prints its usage for --help, and refuses an option that it does not know', async () => {
  expect(overApi.length).toBeGreaterThan(12);
  for (const { name, run } of overApi) {
    const { result, output } = await captured(() => run(['--help']));
    expect({ name, result, usage: output.slice(0, 16 + name.length) }).toEqual({
      ...{ name, result: 0, usage: `Usage: workflow ${name}` },
    });
    await expect(run(['--no-such-option'])).rejects.toThrow(UsageError);
    await expect(run(['--no-such-option'])).rejects.toThrow('--no-such-option');
  }
});

test('a line that is not whole is refused before anything is sent', async () => {
  const id = '0d3c8a8e-95b0-4f0e-9d5e-0a8f6f4c1d2e';
  const wrong: readonly (readonly [string, string, ...string[]])[] = [
    ['start', 'Expected --project and --type', '--project', 'p'],
    ['start', 'Expected a JSON object as --metadata', '--project', 'p', '--type', 'ib', '--metadata', '[1]'],
    ['start', 'Expected --hold or --wait', '--project', 'p', '--type', 'ib', '--hold', '--wait'],
    ['list', 'Expected --all or --limit', '--all', '--limit', '3'],
    ['get', 'Expected one EXECUTION, got 0'],
    ['get', 'Expected a UUID as EXECUTION', 'nonsense'],
    ['pause', 'Expected a revision as --if-revision', id, '--if-revision', 'x'],
    ['execute', 'Expected next_step or remaining as --mode', id, '--mode', 'all'],
    ['webhooks', 'Expected one of list', 'lsit'],
    ['webhooks', '--to: not an option of `workflow webhooks list`', 'list', '--to', 'http://x'],
    ['webhooks', 'Expected one DELIVERY, got 0', 'redeliver', id],
    ['list', 'Expected an http or https URL as --url', '--url', 'ftp://x'],
    ['list', 'Expected --key or --key-file, got both', '--key', 'a', '--key-file', 'b'],
    ['verify', 'Expected one PACK, got 0'],
    ['completion', 'Expected bash or zsh', 'fish'],
  ];
  for (const [name, message, ...args] of wrong) {
    const { run } = overApi.find((each) => each.name === name)!;
    await expect(run(args)).rejects.toThrow(UsageError);
    await expect(run(args)).rejects.toThrow(message);
  }
});

test('the exit code says who has to do something', () => {
  const original = process.stderr.write.bind(process.stderr);
  let text = '';
  process.stderr.write = (line: string) => ((text += line), true);
  try {
    const errors = [
      new UsageError('x'),
      new ApiRefusal(404, 'NOT_FOUND', 'x', {}),
      new ApiRefusal(503, 'EVENT_LOG_AWAY', 'x', {}),
      new NotReachable('x'),
      new Error('x'),
    ];
    expect(errors.map((error) => exitCodeOf(error, false))).toEqual([2, 3, 1, 4, 1]);
    text = '';
    exitCodeOf(new ApiRefusal(409, 'CONFLICT', 'it is paused', { current_state: 'paused' }), true);
    expect(JSON.parse(text)).toEqual({
      error: {
        ...{ exit: 3, message: 'CONFLICT: it is paused', status: 409, code: 'CONFLICT' },
        details: { current_state: 'paused' },
      },
    });
  } finally {
    process.stderr.write = original;
  }
});
