/** Where webhooks may lead: to the public internet over TLS, and wherever else the settings say. */
import { isIP, type LookupFunction, BlockList } from 'node:net';
import { lookup, type LookupAddress, type LookupOptions } from 'node:dns';

/** Which addresses are on the public internet. What is not known to be so is refused. */

const subnets = (family: 'ipv4' | 'ipv6', list: readonly string[]): BlockList => {
  const blocked = new BlockList();
  for (const subnet of list) {
    const [network = '', prefix] = subnet.split('/');
    blocked.addSubnet(network, Number(prefix), family);
  }
  return blocked;
};

/** Of the IANA registry of special-purpose addresses, what is not globally reachable; and multicast. */
const refusedV4 = subnets('ipv4', [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
]);

/** All that is given out so far. IPv4-mapped, local, link-local and multicast addresses are outside. */
const globalV6 = subnets('ipv6', ['2000::/3']);

/** Inside: protocol assignments with Teredo, documentation, and 6to4, which would lead to any IPv4 address. */
const refusedV6 = subnets('ipv6', ['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20']);

/** @param address as `node:net` writes them; what is none is not public */
export const isPublicAddress = (address: string): boolean => {
  switch (isIP(address)) {
    case 4:
      return !refusedV4.check(address, 'ipv4');
    case 6:
      return !address.includes('%') && globalV6.check(address, 'ipv6') && !refusedV6.check(address, 'ipv6');
    default:
      return false;
  }
};

export type TargetRules = Readonly<{
  /** Loopback, private and link-local addresses, which may be spoken to over plain HTTP and on any port. */
  allowPrivate: boolean;
  /** Plain HTTP over the public internet. */
  allowHttp: boolean;
  /** On the public internet. */
  ports: readonly number[];
}>;

type Target = Pick<URL, 'protocol' | 'port' | 'hostname'>;

/** Why nothing is sent to a URL, as far as it tells itself; a name may tell more when it is connected to. */
export const refusalOfTarget = (rules: TargetRules, target: Target): string | null => {
  if (portOf(target) === 0) return 'expected a port from 1 to 65535, got 0';
  const host = target.hostname.replace(/^\[|\]$/g, '');
  // There is no lookup for an address.
  if (isIP(host) !== 0) return refusalOfAddress(rules, target, host);
  return rules.allowPrivate ? null : refusalOfWay(rules, target);
};

/** Why nothing is sent to an address that the URL's host is or leads to. */
export const refusalOfAddress = (rules: TargetRules, target: Target, address: string): string | null => {
  if (isPublicAddress(address)) return refusalOfWay(rules, target);
  return rules.allowPrivate ? null : notPublic(target.hostname);
};

const notPublic = (host: string): string =>
  `expected a host on the public internet, ${host} is or leads to an address that is not. ` +
  'WEBHOOK_ALLOW_PRIVATE_TARGETS=true allows it';

const refusalOfWay = ({ allowHttp, ports }: TargetRules, target: Target): string | null => {
  if (target.protocol === 'http:' && !allowHttp)
    return 'expected https://, as everyone on the way reads what goes over http://. WEBHOOK_ALLOW_HTTP=true allows it';
  const port = portOf(target);
  if (ports.includes(port)) return null;
  return `expected port ${ports.join(' or ')}, got ${port}. WEBHOOK_ALLOWED_PORTS lists those that are allowed`;
};

const portOf = ({ protocol, port }: Target): number => {
  if (port !== '') return Number(port);
  return protocol === 'https:' ? 443 : 80;
};

class TargetRefused extends Error {
  readonly code = 'TARGET_NOT_ALLOWED';
}

export type Resolve = (
  host: string,
  options: LookupOptions & { all: true },
  done: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void;

/**
 * A lookup for connections that are about to be made: where one of a name's addresses is refused, none is used. The
 * connection goes to what was checked, so that a name cannot mean something else a moment later.
 * @param refusalOf why an address may not be connected to; null where it may
 */
export const checkedLookup =
  (refusalOf: (address: string) => string | null, resolve: Resolve = lookup): LookupFunction =>
  (host, options, done) => {
    resolve(host, { ...options, all: true }, (error, addresses) => {
      if (error) return done(error, '');
      const refused = addresses.map(({ address }) => refusalOf(address)).find((refusal) => refusal !== null);
      if (refused || addresses.length === 0) return done(new TargetRefused(refused ?? notPublic(host)), '');
      if (options.all) return done(null, addresses);
      const [first] = addresses;
      done(null, first!.address, first!.family);
    });
  };
