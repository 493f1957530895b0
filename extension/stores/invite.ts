/** Invite links: `https://relay.example/u/alice#<account>.<token>`. What follows `#` no server ever sees. */
import type { AccountId, UserId } from '#shared/ids'
import { isUserName } from '#shared/names'

export interface Invite {
  user: UserId
  /** Whose link it is: the name must never belong to another account. */
  acct: AccountId
  token: string
}

/** 16 bytes in base64url, both of them: the last letter holds two bits only. */
const secret = /^#([\w-]{21}[AQgw])\.([\w-]{21}[AQgw])$/
const loopback = /^(localhost|127(\.\d+){3}|\[::1\])$/

export const inviteLink = (relay: string, { user, acct, token }: Invite): string =>
  `${relay.replace(/\/+$/, '')}/u/${user}#${acct}.${token}`

/** Is this meant to be a link at all, right or wrong? No user name has a slash. */
export const isLink = (typed: string): boolean => /^\s*[a-z][a-z+.-]*:\/\//i.test(typed)

/** Reads a link as it was pasted. `relay`: the address of my own, whose links are the only ones that lead anywhere yet. */
export function readInvite(typed: string, relay: string): Invite | 'other-relay' | 'wrong' {
  const text = typed.trim()
  if (!URL.canParse(text)) return 'wrong'
  const { protocol, host, hostname, pathname, hash } = new URL(text)
  const isSafe = protocol === 'https:' || (protocol === 'http:' && loopback.test(hostname))
  const [, acct, token] = secret.exec(hash) ?? []
  const user = /\/u\/([^/]+)$/.exec(pathname)?.[1] ?? ''
  if (!isSafe || !acct || !token || !isUserName(user)) return 'wrong'
  if (!URL.canParse(relay) || host !== new URL(relay).host) return 'other-relay'
  return { user, acct: acct as AccountId, token }
}
