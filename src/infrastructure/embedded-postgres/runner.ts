/** As whom the Postgres binaries are run. Postgres refuses to run as root. */
import { execFile } from 'node:child_process';
import { chown } from 'node:fs/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);
const SYSTEM_USER = 'postgres';

/** How to run a Postgres binary: as whom, and with which words before the command. */
export type Runner = Readonly<{ uid?: number; gid?: number; prefix: readonly string[] }>;

/** Root runs it as the system user "postgres"; any other user as itself. */
export async function chooseRunner(home: string, postgres: string): Promise<Runner> {
  if (process.getuid?.() !== 0) return { prefix: [] };
  const { uid, gid } = await systemUser();
  await chown(home, uid, gid);
  const plain: Runner = { uid, gid, prefix: [] };
  if (await reaches(plain, home, postgres)) return plain;
  // The checkout or the data lie below a directory closed to others, such as /root: let the process look through it.
  for (const capability of ['dac_read_search', 'dac_override']) {
    const identity = [`--reuid=${uid}`, `--regid=${gid}`, '--clear-groups'];
    const prefix = ['setpriv', ...identity, `--inh-caps=+${capability}`, `--ambient-caps=+${capability}`];
    if (await reaches({ uid, gid, prefix }, home, postgres)) return { uid, gid, prefix };
  }
  throw new Error(
    `Postgres runs as user "${SYSTEM_USER}" here (it refuses to run as root), and that user cannot reach ${home} or ${postgres}. ` +
      `Move both to where others may look (such as /opt and /var/lib), run as a normal user, or set DATABASE_URL`,
  );
}

async function reaches(runner: Runner, home: string, postgres: string): Promise<boolean> {
  const probe = command(runner, 'sh', ['-c', 'cd "$1" && exec "$2" --version', 'sh', home, postgres], '/');
  return run(probe.file, probe.args, probe.options).then(
    () => true,
    () => false,
  );
}

async function systemUser(): Promise<{ uid: number; gid: number }> {
  const id = async (flag: string) => Number((await run('id', [flag, SYSTEM_USER])).stdout.trim());
  try {
    return { uid: await id('-u'), gid: await id('-g') };
  } catch {
    try {
      await run('useradd', [
        '--system',
        '--user-group',
        '--no-create-home',
        '--shell',
        '/usr/sbin/nologin',
        SYSTEM_USER,
      ]);
      return { uid: await id('-u'), gid: await id('-g') };
    } catch (error) {
      throw new Error(
        `Postgres refuses to run as root and the system user "${SYSTEM_USER}" could not be made. ` +
          `Create it, run as a normal user, or set DATABASE_URL`,
        { cause: error },
      );
    }
  }
}

/** The arguments and options with which `runner` runs `binary`. Postgres sees none of the application's environment. */
export function command(runner: Runner, binary: string, args: readonly string[], cwd: string) {
  const [file = binary, ...rest] = [...runner.prefix, binary, ...args];
  const kept = ['PATH', 'SystemRoot', 'TEMP', 'TMP', 'TMPDIR'].flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  const env = { ...Object.fromEntries(kept), LC_ALL: 'C', TZ: 'UTC' };
  const identity = runner.prefix.length > 0 ? {} : { uid: runner.uid, gid: runner.gid };
  return { file, args: rest, options: { cwd, env, ...identity } };
}
