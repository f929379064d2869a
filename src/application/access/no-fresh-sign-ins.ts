import { freshSignInAt, FreshSignInRequired, FreshSignIns } from './fresh-sign-ins.js';
import type { Principal } from './principal.js';

/** Where no provider is configured nobody can sign in. */
export class NoFreshSignIns extends FreshSignIns {
  consume(_principal: Principal, purpose: string): Promise<never> {
    const message = 'This needs a sign-in with the provider, and none is configured: set AUTH=oidc (docs/access.md)';
    return Promise.reject(new FreshSignInRequired(freshSignInAt(purpose), message));
  }
}
