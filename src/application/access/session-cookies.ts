/** Names of the cookies, and how they are read. */

export type CookieNames = Readonly<{
  session: string;
  /** Of a sign-in that is under way. */
  signIn: string;
}>;

/** @param isSecure the pages are at https: no other host and no plain connection can then set these cookies */
export const cookieNames = (isSecure: boolean): CookieNames => {
  const prefix = isSecure ? '__Host-' : '';
  return { session: `${prefix}workflow_session`, signIn: `${prefix}workflow_sign_in` };
};

/** @param header the header `Cookie`. @returns null where it has none of that name */
export const cookieIn = (header: string | undefined, name: string): string | null => {
  for (const pair of (header ?? '').split(';')) {
    const at = pair.indexOf('=');
    if (at >= 0 && pair.slice(0, at).trim() === name) return pair.slice(at + 1).trim();
  }
  return null;
};
