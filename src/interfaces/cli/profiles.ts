/** Addresses of the API with their keys, by name, in a file that its user alone may read. */
import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { z } from 'zod';
import { UsageError } from '../../composition/run-until-signal.js';

const profiles = z.strictObject({
  /** Counts where no option and no variable names an address. */
  current: z.string().nullable(),
  profiles: z.record(z.string(), z.strictObject({ url: z.string(), key: z.string().nullable() })),
});

export type Profiles = Readonly<z.infer<typeof profiles>>;

const NONE: Profiles = { current: null, profiles: {} };
const OTHERS = 0o077;

export const profilesFile = (env: NodeJS.ProcessEnv = process.env): string => {
  const usual = process.platform === 'win32' ? env['APPDATA'] : env['XDG_CONFIG_HOME'];
  return path.join(usual || path.join(homedir(), '.config'), 'workflow-executor', 'profiles.json');
};

/** @throws UsageError where others may read the file, or it holds something else */
export const readProfiles = (file: string = profilesFile()): Profiles => {
  let text: string;
  try {
    const { mode } = statSync(file);
    if (process.platform !== 'win32' && (mode & OTHERS) !== 0)
      throw new UsageError(
        `${file} holds keys: expected mode 600, got ${(mode & 0o777).toString(8)}. Run \`chmod 600 '${file}'\`, and make new keys where others may have read these`,
      );
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return NONE;
    throw error;
  }
  try {
    return profiles.parse(JSON.parse(text));
  } catch (error) {
    // What a parser says of it may repeat a key.
    throw new UsageError(`${file}: expected the profiles as \`workflow profile\` writes them; mend or remove it`, {
      cause: error,
    });
  }
};

/** Whole or as before. */
export const writeProfiles = (content: Profiles, file: string = profilesFile()): void => {
  const draft = `${file}.${process.pid}`;
  mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
  rmSync(draft, { force: true });
  writeFileSync(draft, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600, flag: 'wx' });
  chmodSync(draft, 0o600);
  renameSync(draft, file);
};
