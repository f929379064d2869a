/** What the pages for signing in need, and how their cookies are set. */
import type { CookieOptions, Response } from 'express';
import type { CookieNames } from '../../../application/access/session-cookies.js';
import type { Sessions } from '../../../application/access/sessions.js';
import type { SignIns } from '../../../application/access/sign-ins.js';
import type { CookieWrites } from './cookie-writes.js';

type Offered = Readonly<{ signIns: SignIns; sessions: Sessions; cookies: CookieNames; isSecure: boolean }>;

export class SignInFlow {
  /** @param offered null where nobody can sign in */
  constructor(
    readonly offered: Offered | null,
    readonly writes: CookieWrites,
  ) {}

  set(response: Response, name: string, value: string, lifetimeMs: number): void {
    response.cookie(name, value, { ...this.options, maxAge: lifetimeMs });
  }

  clear(response: Response, name: string): void {
    response.clearCookie(name, this.options);
  }

  /** For all paths, as names that begin with `__Host-` ask for; browsers do not send it with requests that other sites make. */
  private get options(): CookieOptions {
    return { httpOnly: true, sameSite: 'lax', path: '/', secure: this.offered?.isSecure ?? true, encode: String };
  }
}
