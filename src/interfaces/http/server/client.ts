/** Who is at the other end of a request, and whether it came encrypted: what the connection says, and proxies that are trusted. */
import type { IncomingMessage } from 'node:http';
import { BlockList, isIP, type Server } from 'node:net';
import { TLSSocket } from 'node:tls';
import { networkOf as networkOfAddress } from '../../../application/access/network.js';

export type Client = Readonly<{
  /** The IP address, IPv4 without the prefix that IPv6 sockets show it with; empty where the connection is gone. */
  address: string;
  /** Whether the client's own connection is encrypted. */
  isSecure: boolean;
}>;

const RANGES: Readonly<Record<string, readonly string[]>> = {
  loopback: ['127.0.0.0/8', '::1/128'],
  linklocal: ['169.254.0.0/16', 'fe80::/10'],
  uniquelocal: ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7'],
};

type IsTrusted = (address: string) => boolean;

/** @param proxies as `TRUSTED_PROXY` has them: names of ranges, addresses, `address/bits` */
const trustedAddresses = (proxies: readonly string[]): IsTrusted => {
  const list = new BlockList();
  for (const range of proxies.flatMap((name) => RANGES[name] ?? [name])) {
    const [address = '', bits] = range.split('/');
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    list.addSubnet(address, bits === undefined ? (family === 'ipv6' ? 128 : 32) : Number(bits), family);
  }
  return (address) => isIP(address) !== 0 && list.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
};

const trustOf = new WeakMap<Server, IsTrusted>();

/** From now on the headers of these proxies count on this server, for upgrades too. */
export const trustProxies = (server: Server, proxies: readonly string[]): void => {
  if (proxies.length > 0) trustOf.set(server, trustedAddresses(proxies));
};

/** On the request itself: a weak map of requests costs the garbage collector much. */
const CLIENT = Symbol('client');

/** Headers of anyone but a trusted proxy are ignored, and so is what is malformed. */
export const clientOf = (request: IncomingMessage): Client => {
  return ((request as { [CLIENT]?: Client })[CLIENT] ??= found(request));
};

const found = ({ socket, headers }: IncomingMessage): Client => {
  const { server } = socket as unknown as Readonly<{ server?: Server }>;
  const peer = { address: plain(socket.remoteAddress ?? ''), isSecure: socket instanceof TLSSocket };
  const isTrusted = server && trustOf.get(server);
  return isTrusted?.(peer.address) ? behindProxy(peer, headers, isTrusted) : peer;
};

/** More proxies one behind the other than anybody has; each hop of a longer list would cost time. */
const MOST_HOPS = 32;

/**
 * Each proxy adds the address that it was called from at the right end: the rightmost that is not trusted is the client's.
 * `Forwarded` counts only without `X-Forwarded-For`: proxies that write the one pass on the other as any client sent it.
 */
const behindProxy = (peer: Client, headers: IncomingMessage['headers'], isTrusted: IsTrusted): Client => {
  const list = headers['x-forwarded-for'];
  const forwarded = headers['forwarded'];
  const standard = list === undefined && forwarded !== undefined;
  const hops = standard ? lastOf(forwarded) : lastOf(textOf(list));
  const addressOf = standard ? (hop: string) => addressIn(parameter(hop, 'for')) : addressIn;
  let { address } = peer;
  let hop = -1;
  for (const text of hops) {
    const next = addressOf(text);
    if (next === undefined) break;
    [address, hop] = [next, hop + 1];
    if (!isTrusted(next)) break;
  }
  const schemes = standard
    ? hops.map((text) => parameter(text, 'proto'))
    : lastOf(textOf(headers['x-forwarded-proto']));
  const scheme = (schemes[Math.max(0, hop)] ?? schemes[0] ?? '').toLowerCase();
  return { address, isSecure: scheme === 'https' || scheme === 'wss' || (scheme === '' && peer.isSecure) };
};

const textOf = (header: string | string[] | undefined): string =>
  Array.isArray(header) ? header.join() : (header ?? '');

/** The parts between commas, the last one first. */
const lastOf = (list: string): readonly string[] => {
  const parts: string[] = [];
  for (let end = list.length; end >= 0 && parts.length < MOST_HOPS;) {
    const comma = end === 0 ? -1 : list.lastIndexOf(',', end - 1);
    parts.push(list.slice(comma + 1, end).trim());
    end = comma;
  }
  return parts;
};

/** Of one element of `Forwarded`: `for="[2001:db8::1]:4711";proto=https`. */
const parameter = (element: string, name: string): string => {
  const pair = element.split(';').find((each) => each.trim().toLowerCase().startsWith(`${name}=`));
  return (pair ?? '')
    .trim()
    .slice(name.length + 1)
    .replace(/^"(.*)"$/, '$1');
};

const WITH_PORT = /^(?:\[([0-9a-f:.]{2,45})\]|(\d{1,3}(?:\.\d{1,3}){3}))(?::\d{1,5})?$/i;

const addressIn = (hop: string): string | undefined => {
  const [, six, four] = WITH_PORT.exec(hop) ?? [];
  const address = six ?? four ?? hop;
  return isIP(address) === 0 || address.includes('%') ? undefined : plain(address);
};

const MAPPED = /^::ffff:(\d{1,3}(?:\.\d{1,3}){3})$/i;

/** IPv4 as such, and no zone of a link. */
const plain = (address: string): string => {
  const lower = address.toLowerCase().replace(/%.*/s, '');
  return MAPPED.exec(lower)?.[1] ?? lower;
};

/** What limits count as one: the network of the address, and the text itself where it is no address. */
export const networkOf = (address: string): string => networkOfAddress(address) ?? address;
