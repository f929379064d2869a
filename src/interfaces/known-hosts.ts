/** Whether a request means this server, by the name that it was reached under. */

/** @param host the header of that name; undefined where a client of HTTP/1.0 sent none */
export type HostCheck = (host: string | undefined) => boolean;

const NAME_AND_PORT = /^(\[[0-9a-f:.]{2,45}\]|[^\s:@/?#[\]]{1,255})(:\d{0,5})?$/i;

/**
 * Loopback names, and those given. A page may have its own name lead to a loopback address (DNS rebinding), and the browser
 * takes this server for the page's own; but the requests still say that name.
 * @param names as URL.hostname has them
 */
export const knownHosts =
  (names: readonly string[]): HostCheck =>
  (host = '') => {
    const name = NAME_AND_PORT.exec(host)?.[1]?.toLowerCase();
    return name !== undefined && (isLoopbackName(name) || names.includes(name));
  };

/** @param hostname as URL.hostname has it */
const isLoopbackName = (hostname: string): boolean =>
  hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(hostname);

export const EXPECTED_HOST = 'a loopback address, localhost, the host of PUBLIC_URL or one of ALLOWED_HOSTS';
