/** What a principal may do, and with which projects. */
import { PERMISSIONS, permissionsOf, type Permission, type Role } from './permissions.js';

/** Ids of projects, or the beginnings of ids with `*` at the end; or all projects. */
export type Projects = 'all' | readonly string[];

const PROJECT = /^[A-Za-z0-9._:@-]{1,128}\*?$/;

/** Of one grant. */
export const MOST_PROJECTS = 100;

/** Whether it is written as grants name projects: `all`, or a list of ids and of beginnings with `*`. */
export const isProjects = (value: unknown): value is Projects =>
  value === 'all' ||
  (Array.isArray(value) &&
    value.length > 0 &&
    value.length <= MOST_PROJECTS &&
    value.every((each) => typeof each === 'string' && PROJECT.test(each)));

export const PROJECTS_EXPECTED = `"all", or 1 to ${MOST_PROJECTS} ids of projects or beginnings of ids with * at the end`;

export type Grant = Readonly<{ role: Role; projects: Projects }>;

/** The projects that a permission counts for; an empty list is no project at all. */
export type Scope = Projects;

export const NOTHING: Scope = [];

/** The beginning of ids that a pattern stands for; null where it is one id. */
export const prefixOf = (pattern: string): string | null => (pattern.endsWith('*') ? pattern.slice(0, -1) : null);

/** Whether a project is in a scope. */
export const isInScope = (scope: Scope, projectId: string): boolean =>
  scope === 'all' ||
  scope.some((pattern) => {
    const prefix = prefixOf(pattern);
    return prefix === null ? pattern === projectId : projectId.startsWith(prefix);
  });

/** Whether all that one scope holds is in another. */
export const isWithin = (inner: Scope, outer: Scope): boolean =>
  outer === 'all' ||
  (inner !== 'all' &&
    inner.every((pattern) => {
      const prefix = prefixOf(pattern);
      if (prefix === null) return isInScope(outer, pattern);
      return outer.some((other) => {
        const of = prefixOf(other);
        return of !== null && prefix.startsWith(of);
      });
    }));

const joined = (one: Scope, other: Scope): Scope => {
  if (one === 'all' || other === 'all') return 'all';
  return [...new Set([...one, ...other])];
};

/** What a set of grants allows, by permission. */
export class Rights {
  private readonly scopes: ReadonlyMap<Permission, Scope>;

  constructor(readonly grants: readonly Grant[]) {
    const scopes = new Map<Permission, Scope>();
    for (const { role, projects } of grants)
      for (const permission of permissionsOf(role))
        scopes.set(permission, joined(scopes.get(permission) ?? NOTHING, projects));
    this.scopes = scopes;
  }

  scopeOf(permission: Permission): Scope {
    return this.scopes.get(permission) ?? NOTHING;
  }

  /** Whether the permission counts for anything; of which projects is asked with `scopeOf`. */
  may(permission: Permission): boolean {
    const scope = this.scopeOf(permission);
    return PERMISSIONS[permission] === 'installation' ? scope === 'all' : scope === 'all' || scope.length > 0;
  }

  mayIn(permission: Permission, projectId: string): boolean {
    return this.may(permission) && isInScope(this.scopeOf(permission), projectId);
  }
}

/** Of mode `local`: nobody is asked, so nothing is denied. */
export const EVERYTHING = new Rights(
  (['operator', 'reviewer', 'auditor', 'admin', 'monitor'] as const).map((role) => ({ role, projects: 'all' })),
);
