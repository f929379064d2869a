/** Whom a client's channels belong to, and which rows they get, in modes where credentials count. */
import type { Authenticator } from '../../application/access/authenticator.js';
import { KEY_PREFIX } from '../../application/access/api-keys.js';
import { Forbidden, Unauthenticated, type Principal } from '../../application/access/principal.js';
import { isInScope, NOTHING, type Scope } from '../../domain/access/grants.js';
import type { Json } from '../../domain/json.js';
import { REALTIME_ACCESS } from '../access-table.js';
import { member } from './frames.js';

export type RealtimeAccess = Readonly<{
  authenticator: Pick<Authenticator, 'authenticate' | 'watch'>;
  /** Of these executions, those that the read tables have. */
  projectsOf: (executionIds: readonly string[]) => Promise<ReadonlyMap<string, string>>;
  /** Told of each join that was refused for who asked. @param address of the client */
  denied: (error: Unauthenticated | Forbidden, principal: Principal | null, address: string) => void;
}>;

/** What came with the request for the connection. */
export type Opening = Readonly<{ apikey: string | null; cookie: string | undefined; address: string }>;

const scopeIn = ({ rights }: Principal, table: string): Scope => {
  const rule = REALTIME_ACCESS[table];
  return rule?.kind === 'permission' && rights.may(rule.permission) ? rights.scopeOf(rule.permission) : NOTHING;
};

/** @param projectId null: not known, so in no list of projects */
export const maySee = (principal: Principal, table: string, projectId: string | null): boolean => {
  const scope = scopeIn(principal, table);
  return scope === 'all' || (projectId !== null && isInScope(scope, projectId));
};

/** Why the principal may not follow these tables; null where it may, be it of a few projects. */
const refusalFor = (principal: Principal, tables: readonly string[]): Forbidden | null => {
  const denied = tables.find((table) => scopeIn(principal, table).length === 0);
  if (denied === undefined) return null;
  const rule = REALTIME_ACCESS[denied];
  const { type, id } = principal.actor;
  const permission = rule?.kind === 'permission' ? rule.permission : 'executions.read';
  return new Forbidden(permission, `${type} ${id} holds no permission to read ${denied}`);
};

/** An API key, or a token of three parts. The library sends some text in any case: `anon` is none. */
const CREDENTIAL = new RegExp(`^(${KEY_PREFIX}|[\\w-]+\\.[\\w-]+\\.[\\w-]*$)`);

type Held = Readonly<{ principal: Principal; stop: () => void }>;

/** The credentials of one connection. Each proves the same principal until it ends or comes to count for other things. */
export class Credentials {
  /** By token; '' for what came with the connection besides. */
  private readonly held = new Map<string, Held>();
  private isOver = false;

  /** @param onEnd the principal's channels have to be asked for anew */
  constructor(
    private readonly access: Pick<RealtimeAccess, 'authenticator' | 'denied'>,
    private readonly opening: Opening,
    private readonly onEnd: (principal: Principal, why: string) => void,
  ) {}

  /**
   * The `access_token` of the message, or else what the connection was opened with.
   * @throws Unauthenticated, NotReady
   */
  principalFor(payload: Json | undefined): Principal | Promise<Principal> {
    const { apikey, cookie } = this.opening;
    const given = [member(payload, 'access_token'), apikey];
    const token = given.find((each): each is string => typeof each === 'string' && CREDENTIAL.test(each));
    const held = this.held.get(token ?? '');
    if (held) return held.principal;
    const found = this.access.authenticator.authenticate({ token, cookie });
    const keep = (principal: Principal) => this.keep(token ?? '', principal);
    return found instanceof Promise ? found.then(keep) : keep(found);
  }

  /** @returns why it may not follow these tables, once that is noted; null where it may */
  refusalFor(principal: Principal, tables: readonly string[]): string | null {
    const refusal = refusalFor(principal, tables);
    if (refusal) this.denied(refusal, principal);
    return refusal?.message ?? null;
  }

  denied(error: Unauthenticated | Forbidden, principal: Principal | null = null): void {
    this.access.denied(error, principal, this.opening.address);
  }

  /** Whether the credential that proved the principal is still one of the connection's. */
  holds(principal: Principal): boolean {
    return [...this.held.values()].some((each) => each.principal === principal);
  }

  /** No channel belongs to the principal any longer. */
  release(principal: Principal): void {
    for (const [token, held] of this.held) {
      if (held.principal !== principal) continue;
      this.held.delete(token);
      held.stop();
    }
  }

  /** The connection is over. */
  end(): void {
    this.isOver = true;
    for (const { principal } of [...this.held.values()]) this.release(principal);
  }

  private keep(token: string, principal: Principal): Principal {
    let endedBefore: string | null = null;
    let isHeld = false;
    const stop = this.access.authenticator.watch(principal, (why) => {
      if (!isHeld) return void (endedBefore = why);
      this.held.delete(token);
      this.onEnd(principal, why);
    });
    if (endedBefore !== null) throw new Unauthenticated('CREDENTIALS_REFUSED', endedBefore);
    isHeld = true;
    this.held.set(token, { principal, stop });
    if (this.isOver) this.release(principal);
    return principal;
  }
}
