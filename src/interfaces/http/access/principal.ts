/** The principal of a request, from its credential alone. */
import type { Request } from 'express';
import { Forbidden, LOCAL, type Principal } from '../../../application/access/principal.js';
import { isInScope, type Scope } from '../../../domain/access/grants.js';
import type { Permission } from '../../../domain/access/permissions.js';

/** On the request itself: a weak map of requests costs the garbage collector much. */
const PRINCIPAL = Symbol('principal');
type Known = { [PRINCIPAL]?: Principal };

/** Set by the guard, before any handler runs. */
export const setPrincipal = (request: Request, principal: Principal): void =>
  void ((request as Known)[PRINCIPAL] = principal);

/** Of a route without a guard, as in tests of one controller: that of mode `local`. */
export const principalOf = (request: Request): Principal => (request as Known)[PRINCIPAL] ?? LOCAL;

/** Null where no guard has found it out: nobody was let in. */
export const knownPrincipalOf = (request: Request): Principal | null => (request as Known)[PRINCIPAL] ?? null;

/** Method and template of the route, as the table of permissions names it; `none` where the request has no route. */
export const routeOf = ({ method, route }: Request): string => {
  const { path } = (route ?? {}) as Readonly<{ path?: string }>;
  if (path === undefined) return 'none';
  return `${method === 'HEAD' ? 'GET' : method} ${path.length > 1 ? path.replace(/\/$/, '') : path}`;
};

/** The projects that a request may see or change by a permission. */
export const scopeOf = (request: Request, permission: Permission): Scope =>
  principalOf(request).rights.scopeOf(permission);

/** The same for filters: nothing where it may see all. */
export const narrowScopeOf = (request: Request, permission: Permission): Readonly<{ scope?: Scope }> => {
  const scope = scopeOf(request, permission);
  return scope === 'all' ? {} : { scope };
};

/** @throws Forbidden. Nobody learns from the answer whether there is such a project */
export const mustHoldIn = (request: Request, permission: Permission, projectId: string): void => {
  const { rights, actor } = principalOf(request);
  if (isInScope(rights.scopeOf(permission), projectId)) return;
  const message = `${permission}: ${actor.type} ${actor.id} does not hold this permission in this project`;
  throw new Forbidden(permission, message);
};
