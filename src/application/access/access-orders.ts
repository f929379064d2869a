/** Orders about keys, grants and persons, as REST and the command line give them. */
import { CommandRejected, unreachable } from '../../domain/decider.js';
import {
  DIRECTORY_STREAM,
  madeBefore,
  type Administrators,
  type ApiKey,
  type DirectoryCommand,
  type DirectoryLimits,
  type Subject,
} from '../../domain/access/directory.js';
import type { Grant } from '../../domain/access/grants.js';
import { contextOf, type Caller } from '../commands/caller.js';
import type { CommandContext } from '../log/envelope.js';
import type { Ids } from '../log/ids.js';
import type { Clock } from '../runtime/clock.js';
import { InvalidRequest, NotFound } from '../runtime/errors.js';
import type { AccessDirectory, DirectoryOutcome } from './access-directory.js';
import { KEYS_ISSUER, keyIdFor, newKey, type NewKey, type RandomBytes } from './api-keys.js';

/** @param expiresAt null: never */
export type KeyAsked = Readonly<{ name: string; grants: readonly Grant[]; expiresAt: Date | null }>;

/** @param expiresAt null: the new key lasts as long as the one before it was to last from its creation */
export type RotationAsked = Readonly<{ id: string; overlapMs: number; expiresAt: Date | null }>;

/** All that shows nothing that could be shown once only. */
export type AccessOrder =
  | Readonly<{ type: 'RevokeApiKey'; id: string }>
  | Readonly<{ type: 'GrantRole' | 'WithdrawRole'; subject: Subject; grant: Grant }>
  | Readonly<{ type: 'BlockSubject' | 'UnblockSubject'; subject: Subject }>;

/** `secret`: the whole key, which is nowhere else. */
export type MadeKey = Readonly<{ key: ApiKey; secret: string; position: bigint | null }>;

type Ports = Readonly<{ directory: AccessDirectory; clock: Clock; ids: Ids; random: RandomBytes }>;

export type OrderRules = Readonly<{
  limits: DirectoryLimits;
  administrators: Administrators;
  /** Whether nobody is asked who they are: whoever came would then make the credentials that count later. */
  isOpen: boolean;
}>;

/** For how long a rotated key goes on beside the new one. */
export const USUAL_OVERLAP_SECONDS = 86_400;
export const LONGEST_OVERLAP_SECONDS = 30 * 86_400;

export class AccessOrders {
  constructor(
    private readonly ports: Ports,
    private readonly rules: OrderRules,
  ) {}

  /** @throws InvalidRequest, CommandRejected, LogUnavailable; CommandRejected also for a repeat, as the secret was shown before */
  async createKey({ name, grants, expiresAt }: KeyAsked, caller: Caller): Promise<MadeKey> {
    const context = this.contextOf('CreateApiKey', caller);
    const { id, secretHash, key } = this.newKey(context, caller);
    const data = { id, name, secretHash, grants, expiresAt: this.ending(expiresAt, context), ...byOf(context) };
    const command = { type: 'CreateApiKey', data: { ...data, limits: this.rules.limits } } as const;
    return made(id, key, await this.execute(command, context));
  }

  /** The key before goes on for the overlap. @throws as `createKey` does */
  async rotateKey({ id: replaces, overlapMs, expiresAt }: RotationAsked, caller: Caller): Promise<MadeKey> {
    const { directory } = this.ports;
    const context = this.contextOf('RotateApiKey', caller);
    const before = keyIn(await directory.refresh(), replaces);
    const { id, secretHash, key } = this.newKey(context, caller);
    const ends = expiresAt === null ? sameLife(before, context.at) : this.ending(expiresAt, context);
    const overlapUntil = new Date(context.at.getTime() + overlapMs).toISOString();
    const data = { id, secretHash, expiresAt: ends, replaces, overlapUntil, ...byOf(context) };
    const command = { type: 'RotateApiKey', data: { ...data, limits: this.rules.limits } } as const;
    return made(id, key, await this.execute(command, context));
  }

  /** What is so already changes nothing. @throws InvalidRequest, CommandRejected, LogUnavailable */
  async order(asked: AccessOrder, caller: Caller): Promise<DirectoryOutcome> {
    const context = this.contextOf(asked.type, caller);
    return this.execute(this.commandOf(asked, byOf(context)), context);
  }

  private commandOf(asked: AccessOrder, by: ReturnType<typeof byOf>): DirectoryCommand {
    const { limits, administrators } = this.rules;
    switch (asked.type) {
      case 'RevokeApiKey':
        return { type: asked.type, data: { id: asked.id, ...by, administrators } };
      case 'GrantRole':
        mustBePerson(asked.subject);
        return { type: asked.type, data: { ...asked.subject, ...asked.grant, ...by, limits } };
      case 'WithdrawRole':
        return { type: asked.type, data: { ...asked.subject, ...asked.grant, ...by, administrators } };
      case 'BlockSubject':
        mustBePerson(asked.subject);
        return { type: asked.type, data: { ...asked.subject, ...by, limits, administrators } };
      case 'UnblockSubject':
        return { type: asked.type, data: { ...asked.subject, ...by } };
      default:
        return unreachable(asked);
    }
  }

  private execute(command: DirectoryCommand, context: CommandContext): Promise<DirectoryOutcome> {
    return this.ports.directory.execute(command, context);
  }

  private contextOf(verb: DirectoryCommand['type'], caller: Caller): CommandContext {
    if (this.rules.isOpen) throw new CommandRejected('Conflict', OPEN);
    return contextOf(this.ports, caller, DIRECTORY_STREAM, verb);
  }

  private newKey({ commandId }: CommandContext, { idempotencyKey }: Caller): NewKey {
    const { random } = this.ports;
    return idempotencyKey === null ? newKey(random) : newKey(random, keyIdFor(commandId));
  }

  /** @throws InvalidRequest */
  private ending(expiresAt: Date | null, { at }: CommandContext): string | null {
    if (expiresAt !== null && expiresAt <= at) {
      const message = `expires_at: expected a time to come, got ${expiresAt.toISOString()}; it is ${at.toISOString()}`;
      throw new InvalidRequest('INVALID_REQUEST', message);
    }
    return expiresAt?.toISOString() ?? null;
  }
}

const OPEN =
  'AUTH=local asks nobody who they are, so keys and grants are changed on the machine alone: use `npm run access`';

const byOf = ({ actor: { type, id, issuer }, reason, at }: CommandContext) => ({
  by: issuer === undefined ? { type, id } : { type, id, issuer },
  reason,
  at: at.toISOString(),
});

/** @throws NotFound */
export const keyIn = ({ keys }: Readonly<{ keys: ReadonlyMap<string, ApiKey> }>, id: string): ApiKey => {
  const key = keys.get(id);
  if (key) return key;
  throw new NotFound(`There is no key ${id}`);
};

const made = (id: string, secret: string, { changed, directory, position }: DirectoryOutcome): MadeKey => {
  if (!changed) throw madeBefore(id);
  return { key: keyIn(directory, id), secret, position };
};

const sameLife = ({ createdAt, expiresAt }: ApiKey, now: Date): string | null =>
  expiresAt === null ? null : new Date(now.getTime() + Date.parse(expiresAt) - Date.parse(createdAt)).toISOString();

/** @throws InvalidRequest: a key has the roles that it was made with, and ends by being revoked */
const mustBePerson = ({ issuer }: Subject): void => {
  if (issuer !== KEYS_ISSUER) return;
  const message = `issuer: expected the issuer of an OpenID provider, got "${KEYS_ISSUER}": the roles of a service are those of its key`;
  throw new InvalidRequest('INVALID_REQUEST', message);
};
