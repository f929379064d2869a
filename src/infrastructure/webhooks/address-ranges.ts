/** Which addresses are on the public internet. What is not known to be so is refused. */
import { BlockList, isIP } from 'node:net';

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
