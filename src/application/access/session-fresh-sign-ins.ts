/** Fresh sign-ins of sessions, used up in the store that all instances share. */
import { FreshSignInRequired, freshSignInAt, FreshSignIns } from './fresh-sign-ins.js';
import type { Principal } from './principal.js';
import type { Sessions } from './sessions.js';

export class SessionFreshSignIns extends FreshSignIns {
  /** @param sessions null where nobody can sign in */
  constructor(private readonly sessions: Sessions | null) {
    super();
  }

  async consume({ credential }: Principal, purpose: string): Promise<Readonly<{ authenticatedAt: Date }>> {
    const signInAt = freshSignInAt(purpose);
    if (!this.sessions)
      throw new FreshSignInRequired(signInAt, 'This needs a person who signs in, and here nobody can: set AUTH=oidc');
    if (credential.kind !== 'session')
      throw new FreshSignInRequired(
        signInAt,
        'This needs a person who has signed in over a page: a key or token is not enough',
      );
    const authenticatedAt = await this.sessions.consumeFresh(credential.id, purpose);
    if (authenticatedAt === null) throw new FreshSignInRequired(signInAt);
    return { authenticatedAt };
  }
}
