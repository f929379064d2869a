/** `npm run eventstore:copy`, as a process that can be killed. */
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { jest } from '@jest/globals';
import { bundled, startChild, type Child } from '../../support/child.js';
import { eventually } from '../../support/eventually.js';
import { collect } from '../../infrastructure/embedded-eventstore/server-under-test.js';
import { asEnvironment, comparable, startSide, turns, type Side } from './side.js';

const program = bundled(new URL('../../../dist/tools/copy-eventstore/main.js', import.meta.url));
// Each test starts several processes.
jest.setTimeout(90_000);
const running: Child[] = [];
const startWith = (args: readonly string[], env: Record<string, string> = {}) => {
  const child = startChild(program, args, env);
  running.push(child);
  return child;
};
const start = (...options: string[]) => {
  const { args, env } = asEnvironment(options);
  return startWith(args, env);
};
/** Exit code and all output. */
const ended = async (child: Child): Promise<{ code: number | null; output: string }> => {
  await once(child.process, 'close');
  return { code: child.process.exitCode, output: child.output() };
};
const run = (...options: string[]) => ended(start(...options));
afterAll(() => {
  for (const { process } of running) process.kill('SIGKILL');
});

describe('the command, between two servers', () => {
  const COUNT = 2_500;
  const log = turns(COUNT, 50, 5);
  let [source, target] = [{} as Side, {} as Side];
  const inTarget = async () => Number((await target.sql('select count(*) from eventstore.events'))[0]?.count);
  const urls = () => ['--from', source.url, '--to', target.url];
  /** Starts a copy and waits until it is in the middle. */
  const startAndReach = async (events: number) => {
    const child = start(...urls());
    await eventually(async () => (await inTarget()) > events, { deadlineMs: 30_000, everyMs: 5 });
    return child;
  };
  const expectWhole = async () => {
    const { code, output } = await run(...urls());
    expect(output).toMatch(
      /^compared: .*\n[^]*^copied: .*\n[^]*^verified: .*\n[^]*^Done: \d+ events written, all verified/m,
    );
    expect(code).toBe(0);
    expect(comparable(await collect(target.server.log()))).toEqual(comparable(log));
  };

  beforeAll(async () => {
    source = await startSide('source');
    await source.write(log);
  });
  beforeEach(async () => {
    target = await startSide('target');
  });
  afterEach(() => target.stop());
  afterAll(() => source.stop());

  test('goes on where it was killed, as often as it is killed', async () => {
    for (const reached of [100, 1_500]) {
      const child = await startAndReach(reached);
      await child.kill('SIGKILL');
      expect(await inTarget()).toBeLessThan(COUNT);
    }
    await expectWhole();
  });

  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('says on %s how to go on, and does', async (signal, code) => {
    const child = await startAndReach(100);
    await child.kill(signal);
    expect(child.process.exitCode).toBe(code);
    await child.printed(/Interrupted\. Run the same command again to go on\./);
    expect(await inTarget()).toBeLessThan(COUNT);
    await expectWhole();
  });

  test('ends with 1 and names the place where the target differs', async () => {
    await target.write(log.map((event, at) => (at === 1_234 ? { ...event, type: 'Tampered' } : event)));
    const { code, output } = await run(...urls());
    expect(code).toBe(1);
    expect(output).toMatch(/differs in type at stream "turn-46": expected "turn-46" revision 24, .* type Tampered/);
  });
});

describe('a server that goes away', () => {
  let side = {} as Side;
  beforeAll(async () => {
    side = await startSide('target');
  });
  afterAll(() => side.stop());

  test('in the middle: the command says so, and to run it again', async () => {
    const source = await startSide('source');
    await source.write(turns(5_000, 50, 5));
    const child = start('--from', source.url, '--to', side.url);
    await child.printed(/^copied: /m);
    await source.stop();
    await child.printed(/The source answered: .*\. Run the same command again to go on\./);
    await eventually(() => child.process.exitCode === 1);
  });

  test('by silence: it is waited for no longer than the limit', async () => {
    const sockets: Socket[] = [];
    const mute = createServer((socket) => sockets.push(socket.on('error', () => undefined)));
    mute.listen(0, '127.0.0.1');
    await once(mute, 'listening');
    const url = `esdb://127.0.0.1:${(mute.address() as AddressInfo).port}?tls=false`;
    const { code, output } = await run('--from', url, '--to', side.url, '--idle-seconds', '1');
    expect(output).toMatch(/server at the URL of --from: The source (sent nothing for 1 s|answered: )/);
    expect(code).toBe(1);
    for (const socket of sockets) socket.destroy();
    mute.close();
  });
});

describe('the options', () => {
  const nobody = 'esdb://127.0.0.1:1?tls=false';
  test('--help says what there is', async () => {
    const { code, output } = await run('--help');
    expect(output).toMatch(/eventstore:copy (-- )?--from URL --to URL[^]*--idle-seconds/);
    expect(code).toBe(0);
  });

  test.each([
    [/Expected --from URL and --to URL, .*; --to is missing/, ['--from', nobody]],
    [/--from and --to are the same/, ['--from', nobody, '--to', nobody]],
    [
      /--idle-seconds to be a number from 1 to \d+, got "soon"/,
      ['--from', nobody, '--to', 'esdb://x', '--idle-seconds', 'soon'],
    ],
    [
      /Expected a server at the URL of --from: The source answered: .*127\.0\.0\.1:1/,
      ['--from', nobody, '--to', 'esdb://x'],
    ],
    [/--from: expected a connection string such as esdb:/, ['--from', 'db.example', '--to', nobody]],
    [/--to: expected tls to be true or false; got "maybe"/, ['--from', nobody, '--to', 'esdb://x?tls=maybe']],
  ])('what is wrong is said: %s', async (said, args) => {
    const { code, output } = await ended(startWith(args));
    expect(output).toMatch(said);
    expect(code).toBe(1);
  });

  test('an option that there is not is named, as wrong usage', async () => {
    const { code, output } = await ended(startWith(['--form', nobody]));
    expect(output).toContain("Unknown option '--form'");
    expect(code).toBe(2);
  });

  const [raw, inArguments] = [/percent-encoded/, /--from: expected a URL without a password, .* Set COPY_FROM_URL/];
  test.each([
    ['esdb://admin:s3cret@127.0.0.1:1?tls=false', inArguments],
    ['esdb://admin:s3cret/s3@s3cret@127.0.0.1:1?tls=false', raw],
    ['esdb://admin:s3cret?s3cret@127.0.0.1:1?tls=false', raw],
    ['admin:s3cret@127.0.0.1:1', /--from: expected a connection string/],
  ])('a password in an argument is refused and never printed: %s', async (url, said) => {
    const { code, output } = await ended(startWith(['--to', nobody, `--from=${url}`]));
    expect(output).toMatch(said);
    expect(output).not.toContain('s3cret');
    expect(code).toBe(1);
  });

  test('a password is not printed where no URL is expected', async () => {
    const { code, output } = await ended(startWith(['esdb://admin:s3cret@127.0.0.1:1']));
    expect(output).toMatch(/Unexpected argument/);
    expect(output).not.toContain('s3cret');
    expect(code).toBe(2);
  });
});

describe('passwords from the environment and from files', () => {
  const nobody = 'esdb://127.0.0.1:1?tls=false';
  let directory: string;
  beforeAll(async () => void (directory = await mkdtemp(path.join(tmpdir(), 'copy-passwords-'))));
  afterAll(() => rm(directory, { recursive: true }));

  test('a whole copy needs no password in its arguments', async () => {
    const [source, target] = [await startSide('source'), await startSide('target')];
    await source.write(turns(10, 2));
    const url = new URL(source.url);
    const file = path.join(directory, 'source');
    await writeFile(file, `${decodeURIComponent(url.password)}\n`);
    url.password = '';
    const env = { COPY_FROM_PASSWORD_FILE: file, COPY_TO_URL: target.url };
    const { code, output } = await ended(startWith(['--from', url.href], env));
    expect(output).toMatch(/Done: 10 events written/);
    expect(code).toBe(0);
    for (const { url } of [source, target]) expect(output).not.toContain(new URL(url).password);
    await Promise.all([source.stop(), target.stop()]);
  });

  test.each([
    [
      /COPY_TO_PASSWORD_FILE: expected a file with the password that can be read; got "\/nowhere" \(ENOENT\)/,
      '/nowhere',
      'esdb://u@h',
    ],
    [
      /COPY_TO_PASSWORD_FILE: expected a user in COPY_TO_URL, whose password the file holds; got none/,
      '/nowhere',
      nobody,
    ],
    [/COPY_TO_PASSWORD_FILE: expected one password, .* got both/, '/nowhere', 'esdb://u:s3cret@h'],
    [/COPY_TO_URL: expected a password for its user, in COPY_TO_URL or in COPY_TO_PASSWORD_FILE/, '', 'esdb://u@h'],
  ])('what is wrong is said: %s', async (said, file, url) => {
    const env = { COPY_TO_URL: url, COPY_TO_PASSWORD_FILE: file };
    const { code, output } = await ended(startWith(['--from', nobody], env));
    expect(output).toMatch(said);
    expect(output).not.toContain('s3cret');
    expect(code).toBe(1);
  });
});
