import { isIPv6 } from 'node:net';

/**
 * Whom an address is counted as. One customer has a whole /64 of IPv6, and any address in it, so it counts as one client;
 * an IPv4 address is the same client where it is written as IPv6 (`::ffff:192.0.2.1`).
 */
export function clientOf(ip: string): string {
  const [address] = ip.split('%'); // without the name of an interface
  if (!isIPv6(address)) return ip;
  const groups = groupsOf(address);
  const isMapped = groups.slice(0, 6).join() === '0,0,0,0,0,ffff';
  return isMapped ? dotted(groups[6], groups[7]) : `${groups.slice(0, 4).join(':')}::/64`;
}

/** The eight groups of an IPv6 address, each without leading zeros. */
function groupsOf(address: string): string[] {
  const { hostname } = new URL(`http://[${address}]`); // in the one way of RFC 5952
  const [head, tail = []] = hostname
    .slice(1, -1)
    .split('::')
    .map((half) => half.split(':').filter(Boolean));
  return [...head, ...Array<string>(8 - head.length - tail.length).fill('0'), ...tail];
}

const dotted = (...groups: string[]): string =>
  groups
    .map((group) => Number.parseInt(group, 16))
    .flatMap((bits) => [bits >> 8, bits & 255])
    .join('.');
