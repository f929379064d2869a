/** `npm run access`: API keys, on the machine itself. The first administrator's key is made here. */
import { parseArgs } from 'node:util';
import { openForAccess } from '../../composition/access-tools.js';
import { runUntilSignal } from '../../composition/run-until-signal.js';
import type { Grant, Projects } from '../../domain/access/grants.js';
import { isRole, ROLES } from '../../domain/access/permissions.js';

const USAGE = `Usage: npm run access -- keys create --name NAME --role ROLE [--role ROLE ...] [options]
  --name NAME        the service that holds the key: the actor of what it does
  --role ROLE        ${ROLES.join(', ')}
  --projects LIST    ids of projects with commas between, or beginnings with * at the end; without it, all
  --days N           the key ends after so many days; without it, never
  --reason TEXT      recorded with the key
The key is shown once: it is kept nowhere.`;

const DAY_MS = 86_400_000;
const NAME = /^[A-Za-z0-9._:@-]{1,128}$/;
const PROJECT = /^[A-Za-z0-9._:@-]{1,128}\*?$/;

const write = (line: string) => void process.stdout.write(`${line}\n`);

class UsageError extends Error {}

const expect = (holds: boolean, expected: string): void => {
  if (!holds) throw new UsageError(expected);
};

const grantsOf = (roles: readonly string[], projects: string | undefined): readonly Grant[] => {
  expect(roles.length > 0 && roles.every(isRole), `--role: expected ${ROLES.join(', ')}`);
  const list = projects?.split(',').map((each) => each.trim());
  expect(
    !list || list.every((each) => PROJECT.test(each)),
    '--projects: expected ids, or beginnings with * at the end',
  );
  const reach: Projects = list ?? 'all';
  return roles.filter(isRole).map((role) => ({ role, projects: reach }));
};

const OPTIONS = {
  name: { type: 'string' },
  role: { type: 'string', multiple: true },
  projects: { type: 'string' },
  days: { type: 'string' },
  reason: { type: 'string' },
  help: { type: 'boolean' },
} as const;

const main = async (): Promise<number> => {
  const { values, positionals } = parseArgs({ options: OPTIONS, allowPositionals: true });
  if (values.help) {
    write(USAGE);
    return 0;
  }
  try {
    expect(positionals.join(' ') === 'keys create', 'expected: keys create');
    const { name = '', days, reason = null } = values;
    expect(NAME.test(name), '--name: expected 1 to 128 characters of A-Z a-z 0-9 . _ : @ -');
    const lasts = days === undefined ? null : Number(days);
    expect(lasts === null || (Number.isSafeInteger(lasts) && lasts > 0), '--days: expected a whole number from 1');
    const grants = grantsOf(values.role ?? [], values.projects);
    const tools = await openForAccess();
    try {
      const expiresAt = lasts === null ? null : new Date(tools.now().getTime() + lasts * DAY_MS);
      const { id, key } = await tools.createKey({ name, grants, expiresAt, reason });
      write(`Key ${id} of ${name}. It is shown this once:`);
      write(key);
      return 0;
    } finally {
      await tools.close();
    }
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`${error.message}\n${USAGE}\n`);
    return 2;
  }
};

runUntilSignal(main);
