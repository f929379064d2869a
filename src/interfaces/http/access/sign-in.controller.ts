/** Sign-ins over a page; of mode `oidc`. */
import { Controller, Get, HttpCode, Post, Query, Req, Res } from '@nestjs/common';
import { IsOptional } from 'class-validator';
import type { Request, Response } from 'express';
import { Authenticator } from '../../../application/access/authenticator.js';
import { FRESH_SIGN_IN_PURPOSE } from '../../../application/access/fresh-sign-ins.js';
import { Unauthenticated, type Principal } from '../../../application/access/principal.js';
import { SIGN_IN_PROBLEMS, SignInRefused, type SignInProblem } from '../../../application/access/provider.js';
import { cookieIn } from '../../../application/access/session-cookies.js';
import { TICKET_MS } from '../../../application/access/sign-ins.js';
import { NotFound, NotReady } from '../../../application/runtime/errors.js';
import { answer, publicly } from '../server/answer.js';
import { ChoiceText, Field, NoQuery } from '../server/fields.js';
import { badRequest, problem } from '../server/refusal.js';
import { principalOf } from './principal.js';
import { SignInFlow } from './sign-in-flow.js';
import { PAGE_HEADERS, signInPage } from './sign-in-page.js';

const LONGEST_PATH = 1024;
/** Of the address to which the provider sends the browser. */
const LONGEST_QUERY = 8192;

/** What a browser takes for a path of the same origin, and not for one of the sign-in itself, which would go round in circles. */
const isOwnPath = (value: unknown): boolean =>
  typeof value === 'string' &&
  value.length <= LONGEST_PATH &&
  /^\/(?![/\\])[\x21-\x5b\x5d-\x7e]*$/.test(value) &&
  URL.canParse(value, 'http://own.invalid') &&
  new URL(value, 'http://own.invalid').origin === 'http://own.invalid' &&
  !/(^|\/)auth\/(sign-in|callback)/i.test(new URL(value, 'http://own.invalid').pathname);

class SignInQuery {
  @IsOptional()
  @Field(
    `a path of this origin that begins with one slash, of at most ${LONGEST_PATH} visible ASCII characters`,
    isOwnPath,
    { type: 'string', maxLength: LONGEST_PATH, pattern: '^/(?![/\\\\])[\\x21-\\x5b\\x5d-\\x7e]*$' },
  )
  return_to?: string;

  @IsOptional()
  @ChoiceText('1')
  fresh?: string;

  @IsOptional()
  @Field(
    '1 to 200 letters, digits, dots, underscores, colons and hyphens',
    (value) => FRESH_SIGN_IN_PURPOSE.test(String(value)),
    { type: 'string', pattern: FRESH_SIGN_IN_PURPOSE.source },
  )
  for?: string;
}

class PageQuery {
  @IsOptional()
  @ChoiceText(...SIGN_IN_PROBLEMS)
  problem?: SignInProblem;
}

class SignOutQuery {
  @IsOptional()
  @Field('the token of this session', (value) => typeof value === 'string', { type: 'string' })
  csrf_token?: string;
}

@Controller()
export class SignInController {
  constructor(
    private readonly authenticator: Authenticator,
    private readonly flow: SignInFlow,
  ) {}

  @Get('sign-in')
  async page(@Query() query: PageQuery, @Req() request: Request, @Res() response: Response): Promise<void> {
    this.mustBeOffered();
    const principal = await this.signedIn(request);
    sendPage(response, 200, { principal, csrfToken: this.csrfTokenOf(principal), problem: query.problem ?? null });
  }

  @Get('auth/sign-in')
  async signIn(@Query() query: SignInQuery, @Req() request: Request, @Res() response: Response): Promise<void> {
    const { signIns, cookies } = this.mustBeOffered();
    if ((query.fresh === undefined) !== (query.for === undefined))
      throw badRequest([problem('for', 'what the sign-in is for, together with fresh=1', query.for)]);
    const returnTo = query.return_to ?? publicly(response, '/sign-in');
    try {
      const { url, ticket } = await signIns.begin({ returnTo, purpose: query.for ?? null });
      this.flow.set(response, cookies.signIn, ticket, TICKET_MS);
      redirect(response, url);
    } catch (error) {
      if (!(error instanceof NotReady) || request.accepts(['json', 'html']) !== 'html') throw error;
      response.setHeader('Retry-After', '1');
      sendPage(response, 503, { principal: null, csrfToken: null, problem: 'unavailable' });
    }
  }

  /** Whatever comes of it, the person gets a page. */
  @Get('auth/callback')
  async callback(@Req() request: Request, @Res() response: Response): Promise<void> {
    const { signIns, cookies } = this.mustBeOffered();
    const { cookie } = request.headers;
    const [, query = ''] = request.originalUrl.split('?', 2);
    this.flow.clear(response, cookies.signIn);
    try {
      if (query.length > LONGEST_QUERY) throw new SignInRefused('refused', 'The answer of the provider is too long');
      const done = await signIns.finish(query, cookieIn(cookie, cookies.signIn), cookieIn(cookie, cookies.session));
      this.flow.set(response, cookies.session, done.secret, done.lifetimeMs);
      redirect(response, done.returnTo);
    } catch (error) {
      if (!(error instanceof SignInRefused) && !(error instanceof NotReady)) throw error;
      const why: SignInProblem = error instanceof SignInRefused ? error.problem : 'unavailable';
      redirect(response, `${publicly(response, '/sign-in')}?problem=${why}`);
    }
  }

  /** A form of the page cannot send the header: its address has the token, which ends with the session. */
  @Post('auth/sign-out')
  @HttpCode(200)
  async signOut(@Query() query: SignOutQuery, @Req() request: Request, @Res() response: Response): Promise<void> {
    const { sessions, cookies } = this.mustBeOffered();
    const principal = await this.signedIn(request);
    if (principal?.credential.kind === 'session') {
      const given = query.csrf_token ?? request.get('x-csrf-token');
      this.flow.writes.mustBeOwn(request, this.csrfTokenOf(principal), given);
      await sessions.end(principal.credential.id);
    }
    this.flow.clear(response, cookies.session);
    response.setHeader('Cache-Control', 'no-store');
    if (query.csrf_token === undefined) response.json(answer({ signed_out: true }));
    else redirect(response, publicly(response, '/sign-in'));
  }

  /** Times are ISO-8601 UTC; null: without an end, or not known. */
  @Get('auth/me')
  me(@Query() _none: NoQuery, @Req() request: Request, @Res({ passthrough: true }) response: Response) {
    response.setHeader('Cache-Control', 'no-store');
    const principal = principalOf(request);
    const { actor, rights, credential } = principal;
    const { type, id, name = null, issuer = null, via = null } = actor;
    return answer({
      actor: { type, id, name, issuer, via },
      roles: rights.grants.map(({ role, projects }) => ({ role, projects })),
      authenticated_at: credential.kind === 'session' ? credential.authenticatedAt : null,
      expires_at: 'expiresAt' in credential ? credential.expiresAt : null,
      csrf_token: this.csrfTokenOf(principal),
    });
  }

  private csrfTokenOf(principal: Principal | null): string | null {
    return principal && this.authenticator.csrfTokenOf(principal);
  }

  /** @throws NotFound in a mode in which nobody signs in */
  private mustBeOffered() {
    const { offered } = this.flow;
    if (!offered) throw new NotFound('Nobody can sign in here: that needs AUTH=oidc');
    return offered;
  }

  /** By the cookie alone. Whoever is blocked or has no session is not signed in. */
  private async signedIn({ headers: { cookie } }: Request): Promise<Principal | null> {
    if (cookie === undefined) return null;
    try {
      return await this.authenticator.authenticate({ cookie });
    } catch (error) {
      if (error instanceof Unauthenticated) return null;
      throw error;
    }
  }
}

const sendPage = (response: Response, status: number, page: Omit<Parameters<typeof signInPage>[0], 'publicPath'>) => {
  response.status(status).set(PAGE_HEADERS);
  response.send(signInPage({ ...page, publicPath: publicly(response, '') }));
};

/** By GET, whatever the request was. No part of the address is anybody else's business. */
const redirect = (response: Response, to: string): void => {
  response.set({ 'Cache-Control': 'no-store', 'Referrer-Policy': 'no-referrer' });
  response.status(303).setHeader('Location', to);
  response.end();
};
