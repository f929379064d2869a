/** What mode `oidc` needs beside AUTH=oidc: all that is missing is said at once. */
import { isProviderAddress } from '../oidc/provider-documents.js';
import { passwordIn } from './password-file.js';
import { UrlProblem } from './url-problem.js';
import type { Variables } from './variables.js';

const NEEDED = ['OIDC_ISSUER', 'OIDC_CLIENT_ID', 'OIDC_AUDIENCE', 'PUBLIC_URL'] as const;

const WHAT = {
  OIDC_ISSUER: 'the https URL of the OpenID provider, as it names itself',
  OIDC_CLIENT_ID: 'the id of this installation with the provider',
  OIDC_AUDIENCE: 'the audience that the access tokens of the provider are for',
  PUBLIC_URL: 'the URL at which browsers reach this installation, to which the provider sends them back',
} as const satisfies Record<(typeof NEEDED)[number], string>;

/** @param malformed names whose values are not known. @returns one sentence for each problem; none in other modes */
export const oidcProblems = (
  values: Variables,
  malformed: ReadonlySet<string>,
  directory: string,
): readonly string[] => {
  if (values.AUTH !== 'oidc') return [];
  const missing = NEEDED.filter((name) => values[name] === undefined && !malformed.has(name));
  return [
    ...missing.map((name) => `${name}: AUTH=oidc needs ${WHAT[name]}; got nothing.`),
    ...(values.OIDC_ISSUER === undefined ? [] : issuerProblems(values.OIDC_ISSUER)),
    ...(values.OIDC_SCOPES.split(' ').includes('openid')
      ? []
      : [`OIDC_SCOPES: expected openid among the scopes; got ${JSON.stringify(values.OIDC_SCOPES.slice(0, 80))}.`]),
    ...(values.SESSION_IDLE_MINUTES <= values.SESSION_LIFETIME_MINUTES
      ? []
      : ['SESSION_IDLE_MINUTES: expected at most SESSION_LIFETIME_MINUTES; got more.']),
    ...secretProblems(values.OIDC_CLIENT_SECRET_FILE, directory),
  ];
};

const issuerProblems = (issuer: string): readonly string[] => {
  const isPlain = URL.canParse(issuer) && !/[?#]/.test(issuer);
  if (isPlain && isProviderAddress(issuer)) return [];
  return [
    'OIDC_ISSUER: expected an https URL without user name, query or fragment (http on this machine only); got another text.',
  ];
};

const secretProblems = (file: string | undefined, directory: string): readonly string[] => {
  if (file === undefined) return [];
  try {
    passwordIn(file, directory);
    return [];
  } catch (error) {
    if (!(error instanceof UrlProblem)) throw error;
    return [`OIDC_CLIENT_SECRET_FILE: ${error.message}.`];
  }
};
