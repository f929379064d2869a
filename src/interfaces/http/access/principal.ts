/** The principal of a request, from its credential alone. */
import type { Request } from 'express';
import { LOCAL, type Principal } from '../../../application/access/principal.js';
import type { Scope } from '../../../domain/access/grants.js';
import type { Permission } from '../../../domain/access/permissions.js';

const principals = new WeakMap<object, Principal>();

/** Set by the guard, before any handler runs. */
export const setPrincipal = (request: Request, principal: Principal): void => void principals.set(request, principal);

/** Of a route without a guard, as in tests of one controller: that of mode `local`. */
export const principalOf = (request: Request): Principal => principals.get(request) ?? LOCAL;

/** The projects that a request may see or change by a permission. */
export const scopeOf = (request: Request, permission: Permission): Scope =>
  principalOf(request).rights.scopeOf(permission);

/** The same for filters: nothing where it may see all. */
export const narrowScopeOf = (request: Request, permission: Permission): Readonly<{ scope?: Scope }> => {
  const scope = scopeOf(request, permission);
  return scope === 'all' ? {} : { scope };
};
