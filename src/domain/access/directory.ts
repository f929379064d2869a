/**
 * Who holds which API key and which role. One stream for all of it, as each order is decided in the light of the others; the
 * events are a storage contract.
 */
import { CommandRejected, unreachable, type Decider, type Message } from '../decider.js';
import { is, listOf, mustHold, oneOf, orNull, record, text, time, type Shape } from '../shape.js';
import type { Grant, Projects } from './grants.js';
import { ROLES } from './permissions.js';

/** A person as a provider knows them. */
export type Subject = Readonly<{ issuer: string; subject: string }>;

/** Text by which a subject is known in keys of maps and in paths. */
export const subjectId = ({ issuer, subject }: Subject): string => `${issuer}|${subject}`;

type ByWhom = Readonly<{
  by: Readonly<{ type: string; id: string; issuer?: string | undefined }>;
  reason: string | null;
  /** ISO-8601 UTC. */
  at: string;
}>;

/** `secretHash`: SHA-256 of the secret, hex. The secret itself is nowhere. */
type KeyData = Readonly<{
  id: string;
  /** The service that holds the key: the actor of what it does. */
  name: string;
  secretHash: string;
  grants: readonly Grant[];
  expiresAt: string | null;
}>;

export type DirectoryEvent =
  | Message<'ApiKeyCreated', KeyData & ByWhom>
  /** The key before it goes on until `overlapUntil`. */
  | Message<'ApiKeyRotated', KeyData & Readonly<{ replaces: string; overlapUntil: string }> & ByWhom>
  | Message<'ApiKeyRevoked', Readonly<{ id: string }> & ByWhom>
  | Message<'RoleGranted', Subject & Grant & ByWhom>
  | Message<'RoleWithdrawn', Subject & Grant & ByWhom>
  | Message<'SubjectBlocked', Subject & ByWhom>
  | Message<'SubjectUnblocked', Subject & ByWhom>;

export type DirectoryLimits = Readonly<{ keys: number; grants: number; blocked: number }>;

type Limited = Readonly<{ limits: DirectoryLimits }>;

/** Who counts as an administrator when the last one is not to go: nobody, those who hold a key, or persons with a grant as well. */
export type Administrators = 'nobody' | 'keys' | 'keys and persons';
type KeepsAnAdministrator = Readonly<{ administrators: Administrators }>;

export type DirectoryCommand =
  | Message<'CreateApiKey', KeyData & ByWhom & Limited>
  | Message<
      'RotateApiKey',
      Omit<KeyData, 'name' | 'grants'> & Readonly<{ replaces: string; overlapUntil: string }> & ByWhom & Limited
    >
  | Message<'RevokeApiKey', Readonly<{ id: string }> & ByWhom & KeepsAnAdministrator>
  | Message<'GrantRole', Subject & Grant & ByWhom & Limited>
  | Message<'WithdrawRole', Subject & Grant & ByWhom & KeepsAnAdministrator>
  | Message<'BlockSubject', Subject & ByWhom & Limited & KeepsAnAdministrator>
  | Message<'UnblockSubject', Subject & ByWhom>;

export type ApiKey = KeyData &
  Readonly<{
    createdAt: string;
    createdBy: ByWhom['by'];
    /** Null while it counts. */
    revokedAt: string | null;
    /** The key that it took the place of; that one ends when the overlap is over. */
    replaces: string | null;
    replacedBy: string | null;
  }>;

export type Granted = Grant & Readonly<{ at: string; by: ByWhom['by']; reason: string | null }>;

export type Directory = Readonly<{
  keys: ReadonlyMap<string, ApiKey>;
  /** By `subjectId`. */
  subjects: ReadonlyMap<string, Subject & Readonly<{ grants: readonly Granted[]; blockedAt: string | null }>>;
}>;

const sameProjects = (one: Projects, other: Projects): boolean =>
  one === other ||
  (one !== 'all' && other !== 'all' && one.length === other.length && one.every((each) => other.includes(each)));

const sameGrant = (one: Grant, other: Grant): boolean =>
  one.role === other.role && sameProjects(one.projects, other.projects);

/** A key counts from its creation to its end, whichever end comes first. @param now ISO-8601 UTC */
export const isKeyValid = ({ expiresAt, revokedAt }: ApiKey, now: string): boolean =>
  revokedAt === null && (expiresAt === null || now < expiresAt);

const decide = (command: DirectoryCommand, state: Directory): readonly DirectoryEvent[] => {
  switch (command.type) {
    case 'CreateApiKey': {
      const { limits, ...data } = command.data;
      mustHaveRoomForKey(state, data.at, limits);
      if (state.keys.has(data.id)) throw madeBefore(data.id);
      return [{ type: 'ApiKeyCreated', data }];
    }
    case 'RotateApiKey': {
      const { limits, ...data } = command.data;
      const before = keyOf(state, data.replaces);
      if (!isKeyValid(before, data.at))
        throw new CommandRejected('Conflict', `Key ${before.id} has ended: it cannot be rotated; create another`);
      if (before.replacedBy !== null)
        throw new CommandRejected('Conflict', `Key ${before.id} was rotated before, into ${before.replacedBy}`);
      mustHaveRoomForKey(state, data.at, limits);
      const { name, grants } = before;
      return [{ type: 'ApiKeyRotated', data: { ...data, name, grants } }];
    }
    case 'RevokeApiKey': {
      const { administrators, ...data } = command.data;
      if (keyOf(state, data.id).revokedAt !== null) return [];
      return keepingAnAdministrator(state, { type: 'ApiKeyRevoked', data }, administrators);
    }
    case 'GrantRole': {
      const { limits, ...data } = command.data;
      mustNotBeOwn(data, data.by);
      if (grantsOf(state, data).some((each) => sameGrant(each, data))) return [];
      mustHaveRoomForGrant(state, limits);
      return [{ type: 'RoleGranted', data }];
    }
    case 'WithdrawRole': {
      const { administrators, ...data } = command.data;
      if (!grantsOf(state, data).some((each) => sameGrant(each, data))) return [];
      return keepingAnAdministrator(state, { type: 'RoleWithdrawn', data }, administrators);
    }
    case 'BlockSubject': {
      const { limits, administrators, ...data } = command.data;
      if (isBlocked(state, data)) return [];
      if ([...state.subjects.values()].filter(({ blockedAt }) => blockedAt !== null).length >= limits.blocked)
        throw new CommandRejected('Conflict', `Expected at most ${limits.blocked} blocked persons: unblock some first`);
      return keepingAnAdministrator(state, { type: 'SubjectBlocked', data }, administrators);
    }
    case 'UnblockSubject':
      mustNotBeOwn(command.data, command.data.by);
      return isBlocked(state, command.data) ? [{ type: 'SubjectUnblocked', data: command.data }] : [];
    default:
      return unreachable(command);
  }
};

/** Of a request that is repeated. */
export const madeBefore = (id: string): CommandRejected =>
  new CommandRejected(
    'Conflict',
    `Key ${id} was made before, by a request with the same Idempotency-Key: its secret was shown then and is kept nowhere. ` +
      'Where that answer was lost, revoke the key and make another under a new Idempotency-Key',
    { key_id: id },
  );

const keyOf = ({ keys }: Directory, id: string): ApiKey => {
  const key = keys.get(id);
  if (key) return key;
  throw new CommandRejected('NotFound', `There is no key ${id}`);
};

const grantsOf = ({ subjects }: Directory, of: Subject): readonly Granted[] =>
  subjects.get(subjectId(of))?.grants ?? [];

const isBlocked = ({ subjects }: Directory, of: Subject): boolean =>
  (subjects.get(subjectId(of))?.blockedAt ?? null) !== null;

/** Who gives out roles gives none to themselves: a second person has to. */
const mustNotBeOwn = ({ issuer, subject }: Subject, by: ByWhom['by']): void => {
  if (by.issuer === issuer && by.id === subject)
    throw new CommandRejected('Conflict', 'Nobody changes their own rights: another administrator has to do it');
};

const administers = ({ role, projects }: Grant): boolean => role === 'admin' && projects === 'all';

const hasAdministrator = ({ keys, subjects }: Directory, now: string, counted: Administrators): boolean =>
  [...keys.values()].some((key) => isKeyValid(key, now) && key.grants.some(administers)) ||
  (counted === 'keys and persons' &&
    [...subjects.values()].some(({ grants, blockedAt }) => blockedAt === null && grants.some(administers)));

/** Without an administrator nobody could make another one. */
const keepingAnAdministrator = (
  state: Directory,
  event: Extract<DirectoryEvent, Readonly<{ type: 'ApiKeyRevoked' | 'RoleWithdrawn' | 'SubjectBlocked' }>>,
  counted: Administrators,
): readonly DirectoryEvent[] => {
  const { at } = event.data;
  const isLeft =
    counted === 'nobody' ||
    !hasAdministrator(state, at, counted) ||
    hasAdministrator(evolve(state, event), at, counted);
  if (isLeft) return [event];
  throw new CommandRejected(
    'Conflict',
    'No administrator of all projects would be left: make another one first, or use `npm run access` on the machine',
  );
};

const mustHaveRoomForKey = ({ keys }: Directory, now: string, limits: DirectoryLimits): void => {
  const valid = [...keys.values()].filter((key) => isKeyValid(key, now)).length;
  if (valid >= limits.keys)
    throw new CommandRejected('Conflict', `Expected at most ${limits.keys} keys that count: revoke some first`);
};

const mustHaveRoomForGrant = ({ subjects }: Directory, limits: DirectoryLimits): void => {
  const count = [...subjects.values()].reduce((sum, { grants }) => sum + grants.length, 0);
  if (count >= limits.grants)
    throw new CommandRejected('Conflict', `Expected at most ${limits.grants} grants: withdraw some first`);
};

const put = <Value>(map: ReadonlyMap<string, Value>, key: string, value: Value): ReadonlyMap<string, Value> =>
  new Map(map).set(key, value);

const evolve = (state: Directory, event: DirectoryEvent): Directory => {
  switch (event.type) {
    case 'ApiKeyCreated':
      return { ...state, keys: put(state.keys, event.data.id, newKey(event.data, null)) };
    case 'ApiKeyRotated': {
      const { replaces, overlapUntil } = event.data;
      const keys = put(state.keys, event.data.id, newKey(event.data, replaces));
      const before = state.keys.get(replaces);
      if (!before) return { ...state, keys };
      const ends = before.expiresAt !== null && before.expiresAt < overlapUntil ? before.expiresAt : overlapUntil;
      return { ...state, keys: put(keys, replaces, { ...before, expiresAt: ends, replacedBy: event.data.id }) };
    }
    case 'ApiKeyRevoked': {
      const key = state.keys.get(event.data.id);
      return key ? { ...state, keys: put(state.keys, key.id, { ...key, revokedAt: event.data.at }) } : state;
    }
    case 'RoleGranted': {
      const { role, projects, at, by, reason } = event.data;
      const grants = [...grantsOf(state, event.data), { role, projects, at, by, reason }];
      return withSubject(state, event.data, { grants });
    }
    case 'RoleWithdrawn':
      return withSubject(state, event.data, {
        grants: grantsOf(state, event.data).filter((each) => !sameGrant(each, event.data)),
      });
    case 'SubjectBlocked':
      return withSubject(state, event.data, { blockedAt: event.data.at });
    case 'SubjectUnblocked':
      return withSubject(state, event.data, { blockedAt: null });
    default:
      return unreachable(event);
  }
};

const newKey = (
  { id, name, secretHash, grants, expiresAt, at, by }: KeyData & ByWhom,
  replaces: string | null,
): ApiKey => ({
  ...{ id, name, secretHash, grants, expiresAt, replaces },
  ...{ createdAt: at, createdBy: by, revokedAt: null, replacedBy: null },
});

const withSubject = (
  state: Directory,
  { issuer, subject }: Subject,
  change: Partial<Readonly<{ grants: readonly Granted[]; blockedAt: string | null }>>,
): Directory => {
  const id = subjectId({ issuer, subject });
  const before = state.subjects.get(id) ?? { issuer, subject, grants: [], blockedAt: null };
  return { ...state, subjects: put(state.subjects, id, { ...before, ...change }) };
};

export const directory: Decider<DirectoryCommand, Directory, DirectoryEvent> = {
  initialState: { keys: new Map(), subjects: new Map() },
  decide,
  evolve,
};

/** All that access leaves in the log begins so. */
export const ACCESS_STREAM_PREFIX = 'access-';
export const DIRECTORY_STREAM = `${ACCESS_STREAM_PREFIX}directory`;

const projects: Shape = (value) => (value === 'all' ? undefined : listOf(text)(value));
const role = oneOf(...ROLES);
const byWhom = { by: record({ type: text, id: text }, { issuer: text }), reason: orNull(text), at: time };
const subject = { issuer: text, subject: text };
const keyData = {
  id: text,
  name: text,
  secretHash: is('a SHA-256', (value) => typeof value === 'string' && /^[0-9a-f]{64}$/.test(value)),
  grants: listOf(record({ role, projects })),
  expiresAt: orNull(time),
};

const shapes = {
  ApiKeyCreated: record({ ...keyData, ...byWhom }),
  ApiKeyRotated: record({ ...keyData, replaces: text, overlapUntil: time, ...byWhom }),
  ApiKeyRevoked: record({ id: text, ...byWhom }),
  RoleGranted: record({ ...subject, role, projects, ...byWhom }),
  RoleWithdrawn: record({ ...subject, role, projects, ...byWhom }),
  SubjectBlocked: record({ ...subject, ...byWhom }),
  SubjectUnblocked: record({ ...subject, ...byWhom }),
} satisfies Record<DirectoryEvent['type'], Shape>;

/** Null for a type that this version does not know. @throws where a known event does not hold what it should */
export const readDirectoryEvent = (type: string, data: unknown): DirectoryEvent | null => {
  if (!Object.hasOwn(shapes, type)) return null;
  mustHold(shapes[type as DirectoryEvent['type']], type, data);
  return { type, data } as DirectoryEvent;
};
