/** Whose word about addresses is believed, and who may come from where. */
import { BlockList, isIP } from 'node:net'

/** The text of PARLEY_TRUST_PROXY, read: null when it is no list of addresses and networks. */
export function parseNetworks(text: string): BlockList | null {
  const list = new BlockList()
  for (const part of text.split(/[\s,]+/).filter((one) => one !== '')) {
    const [address = '', bits] = part.split('/')
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4'
    if (isIP(address) === 0 || (bits !== undefined && !/^\d{1,3}$/.test(bits))) return null
    const bitsMax = family === 'ipv6' ? 128 : 32
    if (bits !== undefined && Number(bits) > bitsMax) return null
    if (bits === undefined) list.addAddress(address, family)
    else list.addSubnet(address, Number(bits), family)
  }
  return list
}

/** IPv4 in IPv6's clothes, as sockets that listen for both show it. */
const plain = (address: string) => address.replace(/^::ffff:(?=\d+\.)/i, '')

export function isWithin(networks: BlockList, address: string): boolean {
  const bare = plain(address)
  const version = isIP(bare)
  return version !== 0 && networks.check(bare, version === 6 ? 'ipv6' : 'ipv4')
}

const everywhere = parseNetworks('0.0.0.0/0, ::/0')!
const nowhere = new BlockList()
const loopback = parseNetworks('127.0.0.0/8, ::1')!

export const isLoopbackAddress = (address: string): boolean => isWithin(loopback, address)

/** `no`, `yes` (whoever connects is a proxy), or the proxies' addresses and networks. Null for anything else. */
export function proxiesOf(text: string): BlockList | null {
  if (text === 'no') return nowhere
  return text === 'yes' ? everywhere : parseNetworks(text)
}
