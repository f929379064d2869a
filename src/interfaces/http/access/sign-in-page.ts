/** The page on which people sign in and out: one answer, with no script and nothing from elsewhere. */
import { createHash } from 'node:crypto';
import type { Principal } from '../../../application/access/principal.js';
import type { SignInProblem } from '../../../application/access/provider.js';
import type { Grant } from '../../../domain/access/grants.js';

const STYLE = `
:root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif; }
body { margin: 0; background: light-dark(#f4f5f7, #16181c); color: light-dark(#1c2430, #e8eaee); }
main { max-width: 32rem; margin: 12vh auto 2rem; padding: 2rem; border-radius: .75rem;
  background: light-dark(#fff, #20242b); border: 1px solid light-dark(#d5d9e0, #363c46); }
h1 { margin: 0 0 1rem; font-size: 1.5rem; line-height: 1.25; }
p { margin: 0 0 1rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .5rem 1.25rem; margin: 0 0 1.5rem; }
dt { color: light-dark(#55606f, #a8b0bd); }
dd { margin: 0; overflow-wrap: anywhere; }
ul { margin: 0; padding: 0; list-style: none; }
[role=alert] { padding: .75rem 1rem; border-left: .25rem solid light-dark(#b3261e, #f2b8b5);
  background: light-dark(#fdeceb, #3a2322); }
.action { display: inline-block; padding: .6rem 1.25rem; border: 2px solid transparent; border-radius: .5rem; cursor: pointer;
  background: light-dark(#1b4fa0, #a9c7ff); color: light-dark(#fff, #0d2a5c); font: inherit; font-weight: 600; text-decoration: none; }
.action:hover { background: light-dark(#163f80, #c5d8ff); }
.action:focus-visible { outline: 3px solid light-dark(#e08a00, #ffc35c); outline-offset: 2px; }
`;

const STYLE_HASH = createHash('sha256').update(STYLE).digest('base64');

/** Of the page: its own style by its hash, its own form, and nothing else. */
export const PAGE_HEADERS: Readonly<Record<string, string>> = {
  'Content-Type': 'text/html; charset=utf-8',
  'Content-Security-Policy': `default-src 'none'; style-src 'sha256-${STYLE_HASH}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'`,
  'X-Frame-Options': 'DENY',
  // With no-referrer, browsers would send the form with `Origin: null`.
  'Referrer-Policy': 'same-origin',
  'Cache-Control': 'no-store',
};

const PROBLEMS: Readonly<Record<SignInProblem, string>> = {
  expired: 'That sign-in was begun in another window, finished before, or took too long. Sign in again.',
  denied: 'The sign-in was cancelled.',
  refused: 'The sign-in did not succeed. Try again; if it goes on, tell the administrator, whose log has the reason.',
  blocked: 'You are signed in with the provider, but an administrator has blocked you here.',
  stale: 'The provider did not ask you to sign in anew, which was needed. Sign out there, and try again.',
  unavailable: 'The provider cannot be reached at this moment. Try again in a moment.',
};

export type SignInPage = Readonly<{
  /** Null: nobody is signed in. */
  principal: Principal | null;
  csrfToken: string | null;
  problem: SignInProblem | null;
  /** Before the routes, as browsers see them. */
  publicPath: string;
}>;

export const signInPage = ({ principal, csrfToken, problem, publicPath }: SignInPage): string => {
  const alert = problem === null ? '' : `<p role="alert">${PROBLEMS[problem]}</p>`;
  const content = principal ? signedIn(principal, csrfToken ?? '', publicPath) : signedOut(publicPath);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${principal ? 'Signed in' : 'Sign in'} - Workflow Executor</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>Workflow Executor</h1>
${alert}
${content}
</main>
</body>
</html>
`;
};

const signedOut = (publicPath: string): string => `<p>You are not signed in.</p>
<a class="action" href="${escaped(publicPath)}/auth/sign-in">Sign in</a>`;

const signedIn = ({ actor, rights, credential }: Principal, csrfToken: string, publicPath: string): string => {
  const roles = rights.grants.map((grant) => `<li>${escaped(roleText(grant))}</li>`).join('');
  const until = 'expiresAt' in credential ? credential.expiresAt.toISOString() : '';
  return `<p>You are signed in.</p>
<dl>
<dt>Name</dt><dd>${escaped(actor.name ?? actor.id)}</dd>
<dt>Subject</dt><dd>${escaped(actor.id)}</dd>
<dt>Provider</dt><dd>${escaped(actor.issuer ?? '')}</dd>
<dt>Roles</dt><dd>${roles === '' ? 'none: ask an administrator for one' : `<ul>${roles}</ul>`}</dd>
<dt>Until</dt><dd><time datetime="${until}">${until.slice(0, 16).replace('T', ' ')} UTC</time></dd>
</dl>
<form method="post" action="${escaped(publicPath)}/auth/sign-out?csrf_token=${encodeURIComponent(csrfToken)}">
<button class="action" type="submit">Sign out</button>
</form>`;
};

const roleText = ({ role, projects }: Grant): string =>
  projects === 'all' ? `${role}, in all projects` : `${role}, in ${projects.join(', ')}`;

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

const escaped = (text: string): string => text.replace(/[&<>"']/g, (character) => ENTITIES[character]!);
