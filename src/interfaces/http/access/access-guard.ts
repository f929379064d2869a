/** Lets in who may: by the table, before a byte of the body is read. */
import type { CanActivate, ExecutionContext } from '@nestjs/common';
import type { Request } from 'express';
import type { Authenticator } from '../../../application/access/authenticator.js';
import type { ExecutionProjects } from '../../../application/access/execution-projects.js';
import { Forbidden, NOBODY, Unauthenticated, type Principal } from '../../../application/access/principal.js';
import { NotReady } from '../../../application/runtime/errors.js';
import type { Permission } from '../../../domain/access/permissions.js';
import { HTTP_ACCESS, type AccessRule, type Target } from '../../access-table.js';
import { UUID } from '../server/fields.js';
import type { CookieWrites } from './cookie-writes.js';
import { mustHoldIn, principalOf, routeOf, setPrincipal } from './principal.js';

/** Undefined for a route that the table does not name. */
export const ruleOf = (request: Request): AccessRule | undefined => HTTP_ACCESS[routeOf(request)];

const DENIED = 'This route is not open to anyone: it names no permission';

/** Who asks, whether they may do such a thing, and with the execution that the address names. */
export class AccessGuard implements CanActivate {
  constructor(
    private readonly authenticator: Authenticator,
    private readonly projects: ExecutionProjects,
    private readonly cookieWrites: CookieWrites,
  ) {}

  /** @throws Unauthenticated, Forbidden, Refusal 403, NotFound, NotReady */
  canActivate(context: ExecutionContext): true | Promise<true> {
    const request = context.switchToHttp().getRequest<Request>();
    const rule = ruleOf(request);
    if (this.authenticator.mode === 'local' && rule) return true;
    return this.admit(request, rule);
  }

  /** A key that may see all projects is checked without waiting for anything. */
  private admit(request: Request, rule: AccessRule | undefined): true | Promise<true> {
    setPrincipal(request, NOBODY);
    if (!rule) throw new Forbidden('access.manage', DENIED);
    if (rule.kind === 'task-token' || rule.kind === 'own-call' || rule.kind === 'sign-in') return true;
    if (rule.kind === 'public') return this.admitToPublic(request);
    const { authorization, cookie } = request.headers;
    const found = this.authenticator.authenticate({ authorization, cookie });
    if (found instanceof Promise) return found.then((principal) => this.proceed(request, rule, principal));
    return this.proceed(request, rule, found);
  }

  private proceed(
    request: Request,
    rule: Extract<AccessRule, { kind: 'known' | 'permission' }>,
    principal: Principal,
  ): true | Promise<true> {
    this.cookieWrites.mustBeOwn(request, this.authenticator.csrfTokenOf(principal));
    setPrincipal(request, principal);
    if (rule.kind === 'known') return true;
    mustHold(principal, rule.permission);
    if (principal.rights.scopeOf(rule.permission) === 'all') return true;
    return this.mustSee(inAddress(request, rule.target), principal, rule.permission);
  }

  private async mustSee(ids: readonly string[], principal: Principal, permission: Permission): Promise<true> {
    for (const id of ids) await this.projects.mustSee(id, principal, permission);
    return true;
  }

  /** Browsers send cookies unasked, also those of other programs of this host: none of them keeps anybody out of what is public. */
  private async admitToPublic(request: Request): Promise<true> {
    const { authorization, cookie } = request.headers;
    if (authorization === undefined && cookie === undefined) return true;
    try {
      setPrincipal(request, await this.authenticator.authenticate({ authorization, cookie }));
    } catch (error) {
      if (authorization !== undefined) throw error;
      if (!(error instanceof Unauthenticated) && !(error instanceof NotReady)) throw error;
    }
    return true;
  }
}

/** The same for what the body names: it comes after the guard that reads the body. */
export class BodyAccessGuard implements CanActivate {
  constructor(
    private readonly mode: Authenticator['mode'],
    private readonly projects: ExecutionProjects,
  ) {}

  /** What is no id is refused by the checks of the fields. @throws Forbidden, NotFound */
  canActivate(context: ExecutionContext): true | Promise<true> {
    if (this.mode === 'local') return true;
    const request = context.switchToHttp().getRequest<Request>();
    const rule = ruleOf(request);
    if (rule?.kind !== 'permission') return true;
    const { permission, target } = rule;
    if (target !== 'project in body' && target !== 'execution in body') return true;
    const { execution_id, project_id } = (request.body ?? {}) as Readonly<Record<string, unknown>>;
    const principal = principalOf(request);
    if (target === 'project in body' && typeof project_id === 'string') mustHoldIn(request, permission, project_id);
    if (target !== 'execution in body' || !isId(execution_id)) return true;
    return this.projects.mustSee(execution_id.toLowerCase(), principal, permission).then((): true => true);
  }
}

const mustHold = ({ rights, actor }: Principal, permission: Permission): void => {
  if (rights.may(permission)) return;
  throw new Forbidden(permission, `${permission}: ${actor.type} ${actor.id} does not hold this permission`);
};

const isId = (value: unknown): value is string => typeof value === 'string' && UUID.test(value);

/** Express parses the query each time that it is asked for. */
const inAddress = (request: Request, target: Target): readonly string[] => {
  const { params } = request;
  const named =
    target === 'execution in path'
      ? [params['execution_id']]
      : target === 'two executions in path'
        ? [params['execution_id'], params['other_id']]
        : target === 'execution in query'
          ? [request.query['execution_id']]
          : [];
  return named.flatMap((id) => (isId(id) ? [id.toLowerCase()] : []));
};
