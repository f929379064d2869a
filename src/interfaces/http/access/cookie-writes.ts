/**
 * Writes that a cookie authenticates. Browsers send cookies with requests of any page of the same site; so such a write has to
 * come from a page of this installation, and to show what only such a page can read.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { Request } from 'express';
import { knownOrigins, type OriginCheck } from '../../known-origins.js';
import { problem, Refusal } from '../server/refusal.js';

const READS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);
const HEADER = 'X-CSRF-Token';

export class CookieWrites {
  constructor(private readonly isOwn: OriginCheck = knownOrigins([])) {}

  /**
   * @param expected the session's token; null where no cookie authenticates the request
   * @param given what came in the place of the header
   * @throws Refusal 403
   */
  mustBeOwn(request: Request, expected: string | null, given = request.get(HEADER)): void {
    if (expected === null || READS.has(request.method)) return;
    const { origin, host } = request.headers;
    const site = request.get('sec-fetch-site');
    if (!this.isOwn(origin, host)) throw forged('Origin', 'the address of this installation', origin);
    if (site !== undefined && site !== 'same-origin') throw forged('Sec-Fetch-Site', 'same-origin', site);
    if (!isSame(given ?? '', expected))
      throw new Refusal(
        403,
        'CSRF',
        `${HEADER}: expected the token of this session, as GET /auth/me gives it, got another or none`,
      );
  }
}

const forged = (field: string, expected: string, value: string | undefined): Refusal => {
  const wrong = problem(field, expected, value);
  return new Refusal(403, 'CSRF', `${field}: expected ${expected}, got ${wrong.received}`, [wrong]);
};

const isSame = (given: string, expected: string): boolean =>
  timingSafeEqual(createHash('sha256').update(given).digest(), createHash('sha256').update(expected).digest());
