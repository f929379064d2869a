/** Which requests are for this server, by the names in their headers: of the page's origin, and of the host. */

/**
 * @param origin the header of that name; undefined for a client that is no page
 * @param host the header of that name, which has passed the check of hosts
 */
export type OriginCheck = (origin: string | undefined, host: string | undefined) => boolean;

/**
 * Browsers let any page open a WebSocket to any address, so pages are distinguished here: those that this server's own address
 * has, and those whose origin is given. A page of another port is another page, also on this machine.
 * @param given as URL.origin has them
 */
export const knownOrigins =
  (given: readonly string[]): OriginCheck =>
  (origin, host) => {
    if (origin === undefined) return true;
    if (!URL.canParse(origin)) return false;
    const page = new URL(origin);
    return given.includes(page.origin) || isOwn(page, host);
  };

/** `URL.host` leaves out the port of the scheme, which a proxy that ends TLS may have changed: the name is compared in both. */
const isOwn = ({ protocol, host: named }: URL, host: string | undefined): boolean => {
  if (host === undefined || !/^https?:$/.test(protocol) || !URL.canParse(`${protocol}//${host}`)) return false;
  return new URL(`${protocol}//${host}`).host === named;
};

export const EXPECTED_ORIGIN = "this server's own address, or one of ALLOWED_ORIGINS";

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
