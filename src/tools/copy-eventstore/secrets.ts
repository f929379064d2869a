/** Hides what stands before the `@` of any of `urls`, and its password alone, wherever `text` repeats it. */
export function withoutCredentials(text: string, urls: readonly string[]): string {
  return urls.reduce((shown, url) => {
    const end = url.lastIndexOf('@');
    const scheme = url.indexOf('://');
    const credentials = url.slice(scheme < 0 ? url.indexOf('=') + 1 : scheme + 3, Math.max(end, 0));
    const password = credentials.slice(credentials.indexOf(':') + 1);
    const hide = (from: string, secret: string) => (secret ? from.replaceAll(secret, '***') : from);
    return hide(hide(shown, credentials), password);
  }, text);
}
