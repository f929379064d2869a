import { isInScope, isWithin, Rights } from '../../../src/domain/access/grants.js';

describe('grants', () => {
  it('counts a grant of some projects in those alone', () => {
    const rights = new Rights([{ role: 'starter', projects: ['p1', 'team-*'] }]);
    expect(['p1', 'p10', 'team-', 'team-7', 'tea', 'P1'].filter((id) => rights.mayIn('executions.start', id))).toEqual([
      'p1',
      'team-',
      'team-7',
    ]);
    expect(rights.mayIn('executions.control', 'p1')).toBe(false);
  });

  it('joins the projects of several grants by permission', () => {
    const rights = new Rights([
      { role: 'viewer', projects: 'all' },
      { role: 'operator', projects: ['p1'] },
    ]);
    expect(rights.scopeOf('executions.read')).toBe('all');
    expect(rights.scopeOf('executions.control')).toEqual(['p1']);
  });

  it('lets only a grant of all projects act on what concerns all', () => {
    expect(new Rights([{ role: 'operator', projects: ['p1'] }]).may('agents.hold')).toBe(false);
    expect(new Rights([{ role: 'operator', projects: 'all' }]).may('agents.hold')).toBe(true);
    expect(new Rights([{ role: 'monitor', projects: ['p1'] }]).may('metrics.read')).toBe(true);
  });

  it('gives an administrator no executions, and nothing to sign', () => {
    const rights = new Rights([{ role: 'admin', projects: 'all' }]);
    expect((['executions.read', 'audit.review', 'audit.sign'] as const).filter((each) => rights.may(each))).toEqual([]);
  });

  it('gives nobody anything without a grant', () => {
    expect(new Rights([]).may('catalog.read')).toBe(false);
    expect(isInScope([], 'p1')).toBe(false);
  });

  it('knows which scope lies within another', () => {
    expect(isWithin(['p1', 'team-a*'], ['p*', 'team-*'])).toBe(true);
    expect(isWithin(['team-*'], ['team-a*'])).toBe(false);
    expect(isWithin('all', ['*'])).toBe(false);
    expect(isWithin(['p*'], ['p1'])).toBe(false);
    expect(isWithin([], [])).toBe(true);
  });
});
