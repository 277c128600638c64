import type { IncomingMessage } from 'node:http';
import { BlockList, isIP } from 'node:net';

/** Where a request comes from, for the log and the record; nothing is decided by it. */
export type ClientAddressOf = (request: Pick<IncomingMessage, 'headers' | 'socket'>) => string;

/** An address, or a range of them as CIDR writes it. */
export function isAddressRange(text: string): boolean {
  const [address = '', bits, ...more] = text.split('/');
  if (isIP(address) === 0 || more.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (isIP(address) === 4 ? 32 : 128));
}

/**
 * The peer; where it is a trusted proxy, whom it names, and so on from the right: what stands further left a client
 * may have written itself. Proxies that send X-Forwarded-For commonly hand on a Forwarded that they know nothing of.
 */
export function clientAddresses(trustedProxies: readonly string[]): ClientAddressOf {
  const trusted = new BlockList();
  for (const range of trustedProxies) {
    const [address = '', bits = isIP(address) === 4 ? 32 : 128] = range.split('/');
    trusted.addSubnet(address, Number(bits), familyOf(address));
  }
  return ({ headers, socket }) => {
    let address = addressIn(socket.remoteAddress ?? '') ?? 'unknown';
    const named = String(headers['x-forwarded-for'] ?? forwardedFor(headers.forwarded)).split(',');
    while (isIP(address) !== 0 && trusted.check(address, familyOf(address))) {
      const before = addressIn(named.pop() ?? '');
      if (before === null) break;
      address = before;
    }
    return address;
  };
}

const familyOf = (address: string): 'ipv4' | 'ipv6' => (isIP(address) === 4 ? 'ipv4' : 'ipv6');

/** RFC 7239: for each hop its `for`, empty where it has none. */
const forwardedFor = (header = ''): string =>
  header
    .split(',')
    .map((hop) => /(?:^|;)\s*for=([^;]*)/i.exec(hop)?.[1] ?? '')
    .join(',');

/** Without port, brackets and quotation marks; null for names, `unknown` and whatever else is no address. */
function addressIn(text: string): string | null {
  const bare = text
    .trim()
    .replaceAll('"', '')
    .replace(/^\[(.*)\](:\d+)?$/, '$1')
    .replace(/^(\d+(?:\.\d+){3}):\d+$/, '$1')
    .replace(/^::ffff:(?=\d+\.)/i, '')
    .replace(/%.*$/, '');
  return isIP(bare) === 0 ? null : bare;
}
