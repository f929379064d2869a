/** `npm run access`: API keys, grants and the access log, on the machine itself. The first administrator's key is made here. */
import type { AccessTools } from '../../composition/access-tools.js';
import { calledAs, readCommandLine, runUntilSignal, UsageError } from '../../composition/run-until-signal.js';
import { ACCESS_KINDS, type AccessEntry } from '../../application/access/access-log-pages.js';
import {
  LONGEST_OVERLAP_SECONDS,
  USUAL_OVERLAP_SECONDS,
  type AccessOrder,
} from '../../application/access/access-orders.js';
import { listGrants } from '../../application/access/access-views.js';
import type { Grant, Projects } from '../../domain/access/grants.js';
import { isProjects } from '../../domain/access/grants.js';
import { isRole, ROLES } from '../../domain/access/permissions.js';
import { grantAnswer, keyAnswer, subjectAnswer } from '../http/access/answers.js';
import { grantLine, keyLine, logLine } from './access-output.js';

const USAGE = `Usage: ${calledAs('access')} COMMAND [options]
  keys list                        all keys; never what proves them
  keys create --name N --role R    a key for the service N. It is shown once, and kept nowhere
  keys rotate ID                   a new key in the place of that one, which goes on for --overlap-hours
  keys revoke ID
  grants list [--issuer I] [--subject S] [--role R]
  grants give|withdraw --issuer I --subject S --role R
  block|unblock --issuer I --subject S
  log [--subject S] [--kind K] [--from T] [--until T] [--limit N]    newest first
  --name NAME        the service that holds the key: the actor of what it does. Keys may have the same name
  --role ROLE        ${ROLES.join(', ')}; of a key, more than one
  --projects LIST    ids of projects with commas between, or beginnings with * at the end; without it, all
  --days N           the key ends after so many days; without it never, or as the one before it lasts
  --overlap-hours N  without it ${USUAL_OVERLAP_SECONDS / 3600}; 0 ends the key before at once
  --issuer I --subject S   a person as the OpenID provider knows them; in the log S is an id of whomever it concerns
  --reason TEXT      recorded with the change
  --json             one JSON object a line
Changes are in force on all instances within two seconds. It works while an application runs, and while none does.`;

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const MOST_DAYS = 36_500;
const NAME = /^[A-Za-z0-9._:@-]{1,128}$/;

const write = (line: string) => void process.stdout.write(`${line}\n`);

const expect = (holds: boolean, expected: string): void => {
  if (!holds) throw new UsageError(`${expected}\n${USAGE}`);
};

const OPTIONS = {
  name: { type: 'string' },
  role: { type: 'string', multiple: true },
  projects: { type: 'string' },
  days: { type: 'string' },
  'overlap-hours': { type: 'string' },
  issuer: { type: 'string' },
  subject: { type: 'string' },
  kind: { type: 'string' },
  from: { type: 'string' },
  until: { type: 'string' },
  limit: { type: 'string' },
  reason: { type: 'string' },
  json: { type: 'boolean' },
} as const;

const parsed = () => readCommandLine(USAGE, { options: OPTIONS, allowPositionals: true });

type Values = NonNullable<ReturnType<typeof parsed>>['values'];

/** What was asked for is whole before anything is started. */
type Task = (tools: AccessTools) => Promise<void>;

const grantsOf = (roles: readonly string[], projects: string | undefined): readonly Grant[] => {
  expect(roles.length > 0 && roles.every(isRole), `--role: expected ${ROLES.join(', ')}`);
  const reach: Projects = projects?.split(',').map((each) => each.trim()) ?? 'all';
  expect(isProjects(reach), '--projects: expected ids, or beginnings with * at the end');
  return roles.filter(isRole).map((role) => ({ role, projects: reach }));
};

const wholeOf = (option: string, text: string | undefined, [least, most]: readonly [number, number]): number | null => {
  const number = text === undefined ? null : Number(text);
  const isRight = number === null || (Number.isSafeInteger(number) && number >= least && number <= most);
  expect(isRight, `--${option}: expected a whole number from ${least} to ${most}`);
  return number;
};

const timeOf = (option: string, text: string | undefined): Date | null => {
  const time = text === undefined ? null : new Date(text);
  expect(time === null || !Number.isNaN(time.getTime()), `--${option}: expected an ISO-8601 time or date`);
  return time;
};

const subjectOf = ({ issuer = '', subject = '' }: Values) => {
  expect(issuer !== '' && subject !== '', '--issuer and --subject: expected the person as the provider knows them');
  return { issuer, subject };
};

const idOf = (id: string | undefined): string => {
  expect(id !== undefined && /^[a-z2-7]{12}$/.test(id), 'expected the id of a key: 12 characters of a-z 2-7');
  return id!;
};

/** What the line of commands asks for. @throws UsageError */
const taskOf = (positionals: readonly string[], values: Values): Task => {
  const [noun = '', verb = '', id, ...more] = positionals;
  const command = (noun === 'keys' || noun === 'grants' ? `${noun} ${verb}` : noun).trim();
  const isWithId = command === 'keys rotate' || command === 'keys revoke';
  expect(
    more.length === 0 && (id !== undefined) === isWithId && (verb === '' || command !== noun),
    `expected one of the commands, got ${JSON.stringify(positionals.join(' '))}`,
  );
  switch (command) {
    case 'keys list':
      return listKeys(values);
    case 'keys create':
      return createKey(values);
    case 'keys rotate':
      return rotateKey(idOf(id), values);
    case 'keys revoke':
      return order({ type: 'RevokeApiKey', id: idOf(id) }, values);
    case 'grants list':
      return grants(values);
    case 'grants give':
      return order({ type: 'GrantRole', ...grantOf(values) }, values);
    case 'grants withdraw':
      return order({ type: 'WithdrawRole', ...grantOf(values) }, values);
    case 'block':
      return order({ type: 'BlockSubject', subject: subjectOf(values) }, values);
    case 'unblock':
      return order({ type: 'UnblockSubject', subject: subjectOf(values) }, values);
    case 'log':
      return log(values);
    default:
      throw new UsageError(`expected one of the commands, got ${JSON.stringify(command)}\n${USAGE}`);
  }
};

const grantOf = (values: Values) => {
  const [grant, ...more] = grantsOf(values.role ?? [], values.projects);
  expect(more.length === 0, '--role: expected one');
  return { subject: subjectOf(values), grant: grant! };
};

const listKeys =
  ({ json }: Values): Task =>
  async ({ directory, uses, now }) => {
    const [{ keys }, used] = [await directory(), await uses()];
    for (const key of [...keys.values()].toReversed()) {
      const shown = keyAnswer(key, used.get(key.id), now());
      write(json ? JSON.stringify(shown) : keyLine(shown));
    }
  };

const createKey = ({ name = '', role, projects, days, reason, json }: Values): Task => {
  expect(NAME.test(name), '--name: expected 1 to 128 characters of A-Z a-z 0-9 . _ : @ -');
  const given = grantsOf(role ?? [], projects);
  const lasts = wholeOf('days', days, [1, MOST_DAYS]);
  return async ({ orders, caller, now }) => {
    const expiresAt = lasts === null ? null : new Date(now().getTime() + lasts * DAY_MS);
    show(await orders.createKey({ name, grants: given, expiresAt }, caller(reason ?? null)), json, now());
  };
};

const rotateKey = (id: string, { days, reason, json, 'overlap-hours': hours }: Values): Task => {
  const lasts = wholeOf('days', days, [1, MOST_DAYS]);
  const overlap = wholeOf('overlap-hours', hours, [0, LONGEST_OVERLAP_SECONDS / 3600]);
  return async ({ orders, caller, now }) => {
    const expiresAt = lasts === null ? null : new Date(now().getTime() + lasts * DAY_MS);
    const overlapMs = overlap === null ? USUAL_OVERLAP_SECONDS * 1_000 : overlap * HOUR_MS;
    show(await orders.rotateKey({ id, overlapMs, expiresAt }, caller(reason ?? null)), json, now());
  };
};

const show = ({ key, secret }: Awaited<ReturnType<AccessTools['orders']['createKey']>>, json = false, now: Date) => {
  if (json) return write(JSON.stringify({ key: keyAnswer(key, undefined, now), secret }));
  write(`Key ${key.id} of ${key.name}. It is shown this once:`);
  write(secret);
};

const order =
  (asked: AccessOrder, { reason, json }: Values): Task =>
  async ({ orders, caller }) => {
    const { changed, directory } = await orders.order(asked, caller(reason ?? null));
    const found =
      'subject' in asked ? [...directory.subjects.values()].filter((each) => isSame(each, asked.subject)) : [];
    if (json) write(JSON.stringify({ changed, ...(found[0] ? { subject: subjectAnswer(found[0]) } : {}) }));
    else
      write(
        changed ? 'Done: in force on all instances within two seconds.' : 'It was so already: nothing was changed.',
      );
  };

type Named = Readonly<{ issuer: string; subject: string }>;
const isSame = (one: Named, other: Named): boolean => one.issuer === other.issuer && one.subject === other.subject;

const grants = ({ issuer, subject, role = [], json }: Values): Task => {
  const [wanted = null] = role;
  expect(role.length < 2 && (wanted === null || isRole(wanted)), `--role: expected one of ${ROLES.join(', ')}`);
  return async ({ directory }) => {
    const asked = {
      issuer: issuer ?? null,
      subject: subject ?? null,
      role: isRole(wanted) ? wanted : null,
      cursor: null,
      limit: Infinity,
    };
    for (const each of listGrants(await directory(), asked).rows) {
      const shown = grantAnswer(each);
      write(json ? JSON.stringify(shown) : grantLine(shown));
    }
  };
};

const USUAL_ENTRIES = 100;
const MOST_ENTRIES = 1_000_000;
const PER_PAGE = 200;

const log = ({ subject, kind, from, until, limit, json }: Values): Task => {
  expect(kind === undefined || ACCESS_KINDS.includes(kind), `--kind: expected one of ${ACCESS_KINDS.join(', ')}`);
  const about = { subject: subject ?? null, kind: kind ?? null };
  const asked = { ...about, from: timeOf('from', from), until: timeOf('until', until) };
  const most = wholeOf('limit', limit, [1, MOST_ENTRIES]) ?? USUAL_ENTRIES;
  return async ({ pages }) => {
    let cursor: string | null = null;
    for (let left = most; left > 0;) {
      const page: Readonly<{ entries: readonly AccessEntry[]; nextCursor: string | null }> = await pages.page({
        ...{ ...asked, cursor, limit: Math.min(left, PER_PAGE) },
      });
      for (const entry of page.entries) write(logLine(entry, json));
      left -= page.entries.length;
      cursor = page.nextCursor;
      if (cursor === null) return;
    }
  };
};

const main = async (): Promise<number> => {
  const line = parsed();
  if (!line) return 0;
  const task = taskOf(line.positionals, line.values);
  const { openForAccess } = await import('../../composition/access-tools.js');
  const tools = await openForAccess();
  try {
    await task(tools);
    return 0;
  } finally {
    await tools.close();
  }
};

runUntilSignal(main);
