import {
  directory,
  isKeyValid,
  readDirectoryEvent,
  type Administrators,
  type DirectoryEvent,
} from '../../../src/domain/access/directory.js';
import type { Grant } from '../../../src/domain/access/grants.js';
import { givenFor } from '../../support/given.js';

const given = givenFor(directory);

const AT = '2030-01-01T00:00:00.000Z';
const LATER = '2030-01-02T00:00:00.000Z';
const LAST = '2030-01-03T00:00:00.000Z';
const root = { type: 'system', id: 'cli' } as const;
const eve = { type: 'user', id: 'eve', issuer: 'https://id.example' } as const;
const ann = { issuer: 'https://id.example', subject: 'ann' } as const;
const limits = { keys: 2, grants: 2, blocked: 1 };
const admin: Grant = { role: 'admin', projects: 'all' };
const viewer: Grant = { role: 'viewer', projects: ['a', 'b*'] };

const order = (at = LATER) => ({ by: eve, reason: 'because', at }) as const;

const keyData = (id: string, grants: readonly Grant[] = [viewer], expiresAt: string | null = null) => ({
  ...{ id, name: 'service', secretHash: id.padEnd(64, '0'), grants, expiresAt },
});

const created = (id: string, grants?: readonly Grant[], expiresAt?: string | null): DirectoryEvent => ({
  type: 'ApiKeyCreated',
  data: { ...keyData(id, grants, expiresAt), by: root, reason: null, at: AT },
});
const revoked = (id: string): DirectoryEvent => ({
  type: 'ApiKeyRevoked',
  data: { id, by: root, reason: null, at: AT },
});
const granted = (grant: Grant, subject: Readonly<{ issuer: string; subject: string }> = ann): DirectoryEvent => ({
  type: 'RoleGranted',
  data: { ...subject, ...grant, by: root, reason: null, at: AT },
});
const blocked = (subject: Readonly<{ issuer: string; subject: string }> = ann): DirectoryEvent => ({
  type: 'SubjectBlocked',
  data: { ...subject, by: root, reason: null, at: AT },
});

const revoke = (id: string, administrators: Administrators = 'keys') =>
  ({ type: 'RevokeApiKey', data: { id, ...order(), administrators } }) as const;
const withdraw = (grant: Grant, administrators: Administrators = 'keys') =>
  ({ type: 'WithdrawRole', data: { ...ann, ...grant, ...order(), administrators } }) as const;
const block = (administrators: Administrators = 'keys') =>
  ({ type: 'BlockSubject', data: { ...ann, ...order(), limits, administrators } }) as const;
const create = (id: string) => ({ type: 'CreateApiKey', data: { ...keyData(id), ...order(), limits } }) as const;
const rotate = (id: string, replaces: string, overlapUntil = LAST) => {
  const { name: _name, grants: _grants, ...data } = keyData(id);
  return { type: 'RotateApiKey', data: { ...data, replaces, overlapUntil, ...order(), limits } } as const;
};
const grant = (given: Grant, by: typeof eve | typeof root = eve) =>
  ({ type: 'GrantRole', data: { ...ann, ...given, ...order(), by, limits } }) as const;

describe('a key', () => {
  it('is made with its roles', () =>
    given()
      .when(create('a'))
      .then({ type: 'ApiKeyCreated', data: { ...keyData('a'), ...order() } }));

  it('may have the name of another, as a service has two of them for a while', () =>
    given(created('a'))
      .when(create('b'))
      .then({ type: 'ApiKeyCreated', data: { ...keyData('b'), ...order() } }));

  it('is not made again by a request that is repeated, and the answer names it', () =>
    given(created('a'))
      .when(create('a'))
      .thenRejected('Conflict', /shown then and is kept nowhere/, { key_id: 'a' }));

  it('counts against the limit until it has ended', () => {
    given(created('a'), created('b'))
      .when(create('c'))
      .thenRejected('Conflict', /at most 2 keys/);
    given(created('a'), created('b'), revoked('b'))
      .when(create('c'))
      .then({ type: 'ApiKeyCreated', data: { ...keyData('c'), ...order() } });
    given(created('a'), created('b', [viewer], LATER))
      .when(create('c'))
      .then({ type: 'ApiKeyCreated', data: { ...keyData('c'), ...order() } });
  });

  it('is rotated into one of the same name and roles, and goes on for the overlap', () => {
    const { limits: _limits, ...data } = rotate('b', 'a').data;
    const rotated: DirectoryEvent = { type: 'ApiKeyRotated', data: { ...data, name: 'service', grants: [viewer] } };
    given(created('a')).when(rotate('b', 'a')).then(rotated);
    const { keys } = given(created('a'), rotated).state();
    expect(keys.get('a')).toMatchObject({ expiresAt: LAST, replacedBy: 'b' });
    expect(keys.get('b')).toMatchObject({ expiresAt: null, replaces: 'a', name: 'service', grants: [viewer] });
    expect(isKeyValid(keys.get('a')!, LATER)).toBe(true);
    expect(isKeyValid(keys.get('a')!, LAST)).toBe(false);
    given(created('a'), rotated)
      .when(rotate('c', 'a'))
      .thenRejected('Conflict', /rotated before, into b/);
  });

  it('does not last longer by being rotated', () => {
    const { limits: _limits, ...data } = rotate('b', 'a').data;
    const rotated: DirectoryEvent = { type: 'ApiKeyRotated', data: { ...data, name: 'service', grants: [viewer] } };
    const ends = '2030-01-02T12:00:00.000Z';
    expect(
      given(created('a', [viewer], ends), rotated)
        .state()
        .keys.get('a')?.expiresAt,
    ).toBe(ends);
  });

  it('is not rotated where there is none, where it has ended, and beyond the limit', () => {
    given()
      .when(rotate('b', 'a'))
      .thenRejected('NotFound', /no key a/);
    given(created('a'), revoked('a'))
      .when(rotate('b', 'a'))
      .thenRejected('Conflict', /has ended/);
    given(created('a', [viewer], LATER))
      .when(rotate('b', 'a'))
      .thenRejected('Conflict', /has ended/);
    given(created('a'), created('b'))
      .when(rotate('c', 'a'))
      .thenRejected('Conflict', /at most 2 keys/);
  });

  it('is revoked once', () => {
    given(created('a'))
      .when(revoke('a'))
      .then({ type: 'ApiKeyRevoked', data: { id: 'a', ...order() } });
    given(created('a'), revoked('a')).when(revoke('a')).thenNothing();
    given()
      .when(revoke('a'))
      .thenRejected('NotFound', /no key a/);
  });
});

describe('a grant', () => {
  it('is given once', () => {
    given()
      .when(grant(viewer))
      .then({ type: 'RoleGranted', data: { ...ann, ...viewer, ...order() } });
    given(granted(viewer)).when(grant(viewer)).thenNothing();
    given(granted(viewer))
      .when(grant({ role: 'viewer', projects: ['b*', 'a'] }))
      .thenNothing();
  });

  it('is given to nobody by themselves, and to nobody beyond the limit', () => {
    const own = { ...grant(admin).data, by: { type: 'user', id: 'ann', issuer: ann.issuer } };
    given()
      .when({ type: 'GrantRole', data: own })
      .thenRejected('Conflict', /Nobody changes their own rights/);
    given(granted(viewer), granted(admin))
      .when(grant({ role: 'auditor', projects: 'all' }))
      .thenRejected('Conflict', /at most 2 grants/);
  });

  it('is withdrawn once, and the others stay', () => {
    given(granted(viewer))
      .when(withdraw(viewer))
      .then({ type: 'RoleWithdrawn', data: { ...ann, ...viewer, ...order() } });
    given().when(withdraw(viewer)).thenNothing();
    const after: DirectoryEvent = { type: 'RoleWithdrawn', data: { ...ann, ...viewer, ...order() } };
    const { subjects } = given(granted(viewer), granted(admin), after).state();
    expect([...subjects.values()][0]?.grants.map(({ role }) => role)).toEqual(['admin']);
  });
});

describe('a person', () => {
  it('is blocked once, and unblocked once', () => {
    given()
      .when(block())
      .then({ type: 'SubjectBlocked', data: { ...ann, ...order() } });
    given(blocked()).when(block()).thenNothing();
    const unblock = { type: 'UnblockSubject', data: { ...ann, ...order() } } as const;
    given(blocked())
      .when(unblock)
      .then({ type: 'SubjectUnblocked', data: { ...ann, ...order() } });
    given().when(unblock).thenNothing();
  });

  it('is not unblocked by themselves', () => {
    const by = { type: 'user', id: 'ann', issuer: ann.issuer };
    given(blocked())
      .when({ type: 'UnblockSubject', data: { ...ann, ...order(), by } })
      .thenRejected('Conflict', /Nobody changes their own rights/);
  });

  it('is one of a limited number of blocked persons', () =>
    given(blocked({ issuer: 'x', subject: 'y' }))
      .when(block())
      .thenRejected('Conflict', /at most 1 blocked/));
});

describe('the last administrator', () => {
  const NOBODY_LEFT = /No administrator of all projects would be left/;

  it('keeps the key, whatever keys of other roles and projects there are', () => {
    const some: Grant = { role: 'admin', projects: ['a*'] };
    given(created('a', [admin]), created('b', [viewer, some]))
      .when(revoke('a'))
      .thenRejected('Conflict', NOBODY_LEFT);
    given(created('a', [admin]), created('b', [admin], LATER))
      .when(revoke('a'))
      .thenRejected('Conflict', NOBODY_LEFT);
    given(created('a', [admin]), created('b', [admin]))
      .when(revoke('a'))
      .then({ type: 'ApiKeyRevoked', data: { id: 'a', ...order() } });
  });

  it('may be a person where persons can sign in, and only there', () => {
    given(created('a', [admin]), granted(admin))
      .when(revoke('a', 'keys and persons'))
      .then({ type: 'ApiKeyRevoked', data: { id: 'a', ...order() } });
    given(created('a', [admin]), granted(admin))
      .when(revoke('a', 'keys'))
      .thenRejected('Conflict', NOBODY_LEFT);
    given(created('a', [admin]), granted(admin), blocked())
      .when(revoke('a', 'keys and persons'))
      .thenRejected('Conflict', NOBODY_LEFT);
  });

  it('keeps the grant, and is not blocked', () => {
    given(granted(admin)).when(withdraw(admin, 'keys and persons')).thenRejected('Conflict', NOBODY_LEFT);
    given(granted(admin)).when(block('keys and persons')).thenRejected('Conflict', NOBODY_LEFT);
    given(granted(admin), created('a', [admin]))
      .when(block('keys and persons'))
      .then({ type: 'SubjectBlocked', data: { ...ann, ...order() } });
  });

  it('is revoked on the machine, where another can be made', () =>
    given(created('a', [admin]))
      .when(revoke('a', 'nobody'))
      .then({ type: 'ApiKeyRevoked', data: { id: 'a', ...order() } }));

  it('is in nobody’s way where there is none', () =>
    given(created('a'))
      .when(revoke('a'))
      .then({ type: 'ApiKeyRevoked', data: { id: 'a', ...order() } }));
});

describe('events of the directory', () => {
  it('are read as they were written, and refused where they are not', () => {
    const event = created('a');
    expect(readDirectoryEvent(event.type, event.data)).toEqual(event);
    expect(readDirectoryEvent('Other', {})).toBeNull();
    expect(() => readDirectoryEvent('ApiKeyCreated', { ...event.data, secretHash: 'short' })).toThrow('a SHA-256');
    expect(() => readDirectoryEvent('RoleGranted', { ...granted(viewer).data, role: 'king' })).toThrow('one of viewer');
  });
});
