import { BlockList, isIP } from 'node:net';

/** Network addresses that are known by name of their network. */
export interface AddressSet {
  /** IPv4 addresses are found in their IPv6-mapped form (`::ffff:10.0.0.1`) too. */
  has(address: string): boolean;
}

/**
 * Reads addresses and networks in CIDR form: `10.0.0.7`, `10.0.0.0/8`, `fd00::/8`.
 *
 * @throws TypeError if one is neither, or stands for every address there is
 */
export function addressSet(name: string, entries: readonly string[]): AddressSet {
  const list = new BlockList();
  for (const entry of entries) {
    const [, address = '', prefix] = /^([0-9A-Fa-f.:]+)(?:\/(\d{1,3}))?$/.exec(entry) ?? [];
    const version = isIP(address);
    const longest = version === 4 ? 32 : 128;
    const length = prefix === undefined ? longest : Number(prefix);
    if (version === 0 || length > longest) throw new TypeError(`${name} must hold addresses and CIDR networks only`);
    if (length === 0) throw new TypeError(`${name} must not hold a network of all addresses`);
    list.addSubnet(address, length, version === 4 ? 'ipv4' : 'ipv6');
  }
  return {
    has(address) {
      const version = isIP(address);
      return version !== 0 && list.check(address, version === 4 ? 'ipv4' : 'ipv6');
    },
  };
}
