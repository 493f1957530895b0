import { ProtocolError } from '#shared/errors'
import type { UserId } from '#shared/ids'
import { parseAddress } from '#shared/names'
import type { Turn } from './turn.ts'

/**
 * Whom an address means: another person, or oneself where that makes sense (`orSelf`).
 * @throws ProtocolError `bad-request` for no address, `remote-server-not-found` for another relay's (SN8),
 *   `not-allowed` for oneself.
 */
export function addresseeOf({ env }: Turn, text: string, { orSelf = false } = {}): UserId {
  const address = parseAddress(text)
  if (!address) throw new ProtocolError('bad-request', 'no address')
  if (address.host !== null) throw new ProtocolError('remote-server-not-found')
  if (address.user === env.self && !orSelf) throw new ProtocolError('not-allowed', 'to oneself')
  return address.user
}
