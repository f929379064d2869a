import { claimAt, grantsClaimed, nameClaimed, type ClaimRules } from '../../../src/domain/access/claims.js';

const rules = (more: Partial<ClaimRules> = {}): ClaimRules => ({
  ...{ rolesClaim: 'roles', projectsClaim: null, nameClaim: 'name', roleNames: null },
  ...more,
});

describe('claims', () => {
  it('are found by their name, or by the way into an object', () => {
    const claims = { 'https://example.com/roles': ['admin'], realm_access: { roles: ['viewer'] } };
    expect(claimAt(claims, 'https://example.com/roles')).toEqual(['admin']);
    expect(claimAt(claims, 'realm_access.roles')).toEqual(['viewer']);
    expect(claimAt(claims, 'realm_access.none.deeper')).toBeUndefined();
    expect(claimAt(claims, 'constructor.name')).toBeUndefined();
  });

  it('give the roles that they name, and for any other name nothing', () => {
    expect(grantsClaimed({ roles: ['viewer', 'viewer', 'root', 7, null, { role: 'admin' }] }, rules())).toEqual([
      { role: 'viewer', projects: 'all' },
    ]);
    expect(grantsClaimed({ roles: 'operator' }, rules())).toEqual([{ role: 'operator', projects: 'all' }]);
    expect(grantsClaimed({}, rules())).toEqual([]);
  });

  it('give roles by the names that the settings have, and by no other', () => {
    const roleNames = new Map([['staff', ['starter', 'reviewer'] as const]]);
    expect(grantsClaimed({ roles: ['staff', 'admin'] }, rules({ roleNames })).map(({ role }) => role)).toEqual([
      'starter',
      'reviewer',
    ]);
  });

  it('give roles in the projects that they name, in all for * alone, and nothing where they name none', () => {
    const inProjects = (projects: unknown) =>
      grantsClaimed({ roles: ['viewer'], projects }, rules({ projectsClaim: 'projects' }));
    expect(inProjects(['p-1', 'q-*', 'p-1'])).toEqual([{ role: 'viewer', projects: ['p-1', 'q-*'] }]);
    expect(inProjects(['p-1', '*'])).toEqual([{ role: 'viewer', projects: 'all' }]);
    expect(inProjects([])).toEqual([]);
    expect(inProjects(undefined)).toEqual([]);
  });

  it('give a name that can be read, whatever there is', () => {
    expect(nameClaimed({ name: 'Ann\u202e\n', email: 'a@example.com' }, rules(), 's-1')).toBe('Ann');
    expect(nameClaimed({ name: '\n', preferred_username: 'ann' }, rules(), 's-1')).toBe('ann');
    expect(nameClaimed({ name: 7 }, rules(), 's-1')).toBe('s-1');
  });
});
