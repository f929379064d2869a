const V4_IN_V6 = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;

/** For limits and the access log. IPv4 as it is; of IPv6 the network, which is what one subscriber has: `2001:db8:1:2::/64`. Null for what is neither. */
export const networkOf = (address: string | undefined): string | null => {
  if (address === undefined || address.length > 45) return null;
  const plain = V4_IN_V6.exec(address)?.[1] ?? address.replace(/%.*$/, '');
  if (/^[\d.]+$/.test(plain)) return plain;
  if (!/^[0-9a-f:.]+$/i.test(plain) || !plain.includes(':')) return null;
  const [head = '', tail = ''] = plain.split('::');
  const groups = (text: string) => (text === '' ? [] : text.split(':'));
  const [first, last] = [groups(head), groups(tail)];
  const zeros = plain.includes('::') ? Math.max(0, 8 - first.length - last.length) : 0;
  const all = [...first, ...Array.from({ length: zeros }, () => '0'), ...last];
  const network = all.slice(0, 4).map((group) => group.toLowerCase().replace(/^0+(?=.)/, ''));
  return `${network.join(':')}::/64`;
};
