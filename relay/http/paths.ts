/** The one path at which a room is found, on every host. */
import type { UserId } from '#shared/ids'
import { limits } from '#shared/limits'
import { isUserName } from '#shared/names'

const prefix = '/parties/user/'

/**
 * Whose room a URL names, or null (HS9). The path is looked at as it was sent: a name that needs percent-encoding
 * is no user name, and `%61lice` would be another room than `alice` on PartyKit.
 */
export function roomOf(url: URL): UserId | null {
  if (url.href.length > limits.connectUrlBytesMax || !url.pathname.startsWith(prefix)) return null
  const name = url.pathname.slice(prefix.length)
  return isUserName(name) ? name : null
}
