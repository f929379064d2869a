/** Whom a credential proves, and what they may do. */
import { EVERYTHING, Rights, type Grant } from '../../domain/access/grants.js';
import type { Permission } from '../../domain/access/permissions.js';
import type { Actor } from '../log/envelope.js';

/** What proved the principal. */
export type Credential =
  /** Mode `local`: nothing did. */
  | Readonly<{ kind: 'local' }>
  | Readonly<{ kind: 'key'; id: string }>
  /** A token of the provider. `claimed`: the roles that it holds itself. */
  | Readonly<{ kind: 'token'; expiresAt: Date; claimed: readonly Grant[] }>
  /** A sign-in over a page. */
  | Readonly<{ kind: 'session'; id: string; expiresAt: Date; authenticatedAt: Date; claimed: readonly Grant[] }>;

export type Principal = Readonly<{ actor: Actor; rights: Rights; credential: Credential }>;

export const LOCAL: Principal = {
  actor: { type: 'user', id: 'anonymous' },
  rights: EVERYTHING,
  credential: { kind: 'local' },
};

/** Where credentials count and none came: what is open to anyone is shown without what needs a permission. */
export const NOBODY: Principal = { ...LOCAL, rights: new Rights([]) };

/** Whether a credential proved it. */
export const isVerified = ({ credential }: Principal): boolean => credential.kind !== 'local';

/** 401: no credential, or one that does not count. The message says which rule it broke, and nothing of what is stored. */
export class Unauthenticated extends Error {
  constructor(
    readonly code: 'CREDENTIALS_MISSING' | 'CREDENTIALS_REFUSED',
    message: string,
  ) {
    super(message);
  }
}

/** 403: the principal is known, and may not do this. */
export class Forbidden extends Error {
  constructor(
    readonly permission: Permission,
    message: string,
  ) {
    super(message);
  }
}
