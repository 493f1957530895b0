/** User names and addresses: what people type, and the one form that is stored. */
import type { UserId } from './ids.ts'

const grammar = /^[a-z][a-z0-9]*([._-][a-z0-9]+)*$/
const host = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/

export const userNameLengthMin = 3
export const userNameLengthMax = 32

/** Names that could be taken for the relay or for nobody in particular. */
export const reservedNames: ReadonlySet<string> = new Set(
  'admin administrator root system support security abuse postmaster webmaster help official relay parley me im all here everyone nobody null undefined'.split(
    ' ',
  ),
)

/** Whether `text` is a user name in its stored form. Nothing else may ever name a room. */
export function isUserName(text: string): text is UserId {
  return (
    text.length >= userNameLengthMin &&
    text.length <= userNameLengthMax &&
    grammar.test(text) &&
    !reservedNames.has(text)
  )
}

/** What someone typed, in the form in which it would be stored. It need not be a valid name. */
export function canonicalName(typed: string): string {
  return typed.normalize('NFKC').trim().toLowerCase()
}

/** Why a name cannot be used, or null. The codes are texts in `_locales`. */
export function nameProblem(typed: string): 'empty' | 'short' | 'long' | 'reserved' | 'grammar' | null {
  const name = canonicalName(typed)
  if (name === '') return 'empty'
  if (reservedNames.has(name)) return 'reserved'
  if (!grammar.test(name)) return 'grammar'
  if (name.length < userNameLengthMin) return 'short'
  if (name.length > userNameLengthMax) return 'long'
  return null
}

/** `bob`, or later `bob@relay.example`. The host is null for a user of one's own relay. */
export interface Address {
  user: UserId
  host: string | null
}

/** Reads `name` or `name@relay-host`, as people type it; null when it is neither. */
export function parseAddress(typed: string): Address | null {
  const [name = '', where, ...rest] = canonicalName(typed).replace(/^@/, '').split('@')
  if (rest.length > 0 || !isUserName(name)) return null
  if (where === undefined) return { user: name, host: null }
  return host.test(where) ? { user: name, host: where } : null
}
