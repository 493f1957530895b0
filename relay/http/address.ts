/** Where a request came from, as far as limits are concerned. */

/**
 * The part of an address that one household or machine has: an IPv4 address, or the first 64 bits of an IPv6
 * address (everybody with IPv6 has 2^64 of them).
 */
export function limitKey(address: string): string {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '')
  if (!plain.includes(':')) return plain
  const [head = '', tail] = plain.split('::')
  const groups = head.split(':').filter((group) => group !== '')
  if (tail !== undefined) {
    const rest = tail.split(':').filter((group) => group !== '')
    while (groups.length + rest.length < 8) groups.push('0')
    groups.push(...rest)
  }
  return groups.slice(0, 4).join(':').toLowerCase() + '::/64'
}

/** The client as the nearest proxy saw it: the last entry, because everything before it can be made up. */
export function forwardedFor(header: string | null | undefined): string | null {
  const last = header?.split(',').at(-1)?.trim()
  return last ? last : null
}
