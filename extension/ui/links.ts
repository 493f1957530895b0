/** Where links are in a text, and where they really lead. Only what a browser opens harmlessly becomes one. */
import { tokenize } from 'linkifyjs'

export type Part =
  | { type: 'text'; text: string }
  /** `host` is set where the text of the link does not say plainly where it leads. */
  | { type: 'link'; text: string; href: string; host: string | null }

const safeProtocols = new Set(['http:', 'https:', 'mailto:'])
/** Characters that turn the direction of text or have no width: what one sees would not be what one opens. */
// oxlint-disable-next-line no-control-regex -- control characters are what is looked for
const deceiving = /[\u0000-\u001f\u007f-\u009f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/
/** Nobody types so long an address, and finding links is only as fast as the text is short. */
const linkCharsMax = 2000
const textCharsMax = 20_000

/** A host without a scheme is meant as one only where that is plain: `index.ts` and `etc.so` are no pages. */
const isMeant = (value: string) =>
  /^(https?:\/\/|mailto:|www\.)/i.test(value) || /^[^\s/]+\.[^\s/]+\//.test(value)

/** The host in ASCII if it looks different from what is shown, or if something before it poses as the host. */
function plainHost(url: URL, text: string): string | null {
  if (url.protocol === 'mailto:') return null
  const isOtherScript =
    /[^\u0020-\u007e]/.test(text.split(/[/?#]/, 3).join('/')) || url.hostname.includes('xn--')
  return isOtherScript || url.username !== '' || url.password !== '' ? url.hostname : null
}

function linkOf(text: string, href: string, isEmail: boolean): Extract<Part, { type: 'link' }> | null {
  if (text.length > linkCharsMax || deceiving.test(text)) return null
  if (!isEmail && !isMeant(text)) return null
  if (!URL.canParse(href)) return null
  const url = new URL(href)
  if (!safeProtocols.has(url.protocol)) return null
  return { type: 'link', text, href: url.href, host: plainHost(url, text) }
}

/** The text in order, cut into plain parts and links; together they are exactly the text. */
export function partsOf(text: string): Part[] {
  if (text.length > textCharsMax) return [{ type: 'text', text }]
  const parts: Part[] = []
  for (const token of tokenize(text)) {
    const link = token.isLink ? linkOf(token.v, token.toHref('https'), token.t === 'email') : null
    const last = parts.at(-1)
    if (link) parts.push(link)
    else if (last?.type === 'text') last.text += token.v
    else parts.push({ type: 'text', text: token.v })
  }
  return parts
}
