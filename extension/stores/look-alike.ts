/**
 * Warns of somebody who looks like a buddy and is another one. Two names look alike when their skeletons are
 * the same; a skeleton is for comparing alone and never shown.
 */
import type { UserId } from '#shared/ids'

/**
 * Letters of Latin, Greek, Cyrillic and Armenian that look like a letter from a to z: those single ones of
 * confusables.txt (UTS #39, Unicode 13) that neither compatibility nor taking off the marks turns into it already,
 * and the small letters of others that look like small capitals: в, к, м.
 */
const confusables: Record<string, string> = {
  a: 'ɑαаΑА',
  b: 'ƄЬꞴΒВɓƃƂБƀҍҌѣѢв',
  c: 'ᴄсСȼҫҪ',
  d: 'ԁɗɖƌđĐÐƉ',
  e: 'ꬲеҽΕЕɇɆҿ',
  f: 'ꬵꞙẝքꞘϜƒƑᵮ',
  g: 'ɡᶃƍցԌɠǥǤ',
  h: 'һհΗНɦꚕⱧҢħћĦӉӇн',
  i: 'ıɪɩιіꙇӏɨᵻᵼ',
  j: 'ϳјꞲͿЈɉɈ',
  k: 'ΚКƙⱩҚꝀҞкκ',
  l: 'ƖǀΙІӀłŁɭƗƚɫ|',
  m: 'ΜϺМӍм',
  n: 'ոռΝɳƞηƝᵰ',
  o: 'ᴏᴑꬽοσоօΟОՕøꬾØɵꝋөѳƟꝊθΘӨѲ',
  p: 'ρрΡРƥᵽ',
  q: 'ԛգզʠ',
  r: 'ꭇꭈᴦгƦɽɼɍғᵲ',
  s: 'ꜱƽѕЅՏʂᵴ',
  t: 'ΤТƭȾƮҬŧŦᵵт',
  u: 'ꞟᴜꭎꭒʋυսՍᵾɄ',
  v: 'ᴠνѵѴ',
  w: 'ɯᴡѡԝաԜѽꝡ',
  x: 'хꞳΧХҲ',
  y: 'ɣᶌʏỿꭚγуүΥУҮƴɏұɎҰ',
  z: 'ᴢΖʐƶƵȥȤᵶ',
  ae: 'æÆӕӔ',
  oe: 'œŒ',
}
const latin = new Map(
  Object.entries(confusables).flatMap(([letter, likes]) => [...likes].map((like) => [like, letter] as const)),
)

/** Everything but letters, digits and pictures: separators, marks, and what is not seen at all. */
const unseen = /[^\p{L}\p{N}\p{So}]/gu

const asLatin = (text: string) =>
  [...text.normalize('NFKD').replaceAll(/\p{M}/gu, '')].map((letter) => latin.get(letter) ?? letter).join('')

/** Capitals and small letters may look like different ones, so both are looked at: Η is an H, and η an n. */
export const skeleton = (name: string): string =>
  asLatin(asLatin(name).toLowerCase())
    .replaceAll(unseen, '')
    .replaceAll('0', 'o')
    .replaceAll(/[1i]/g, 'l')
    .replaceAll('rn', 'm')
    .replaceAll('vv', 'w')

/** The names by which I may know somebody; the user name is the one that is theirs alone. */
export interface Known {
  user: UserId
  nickname?: string | undefined
  /** What they call themselves. */
  name?: string | undefined
}

const skeletonsOf = (names: (string | undefined)[]) =>
  names.map((name) => skeleton(name ?? '')).filter((bones) => bones !== '')

/** Which of my buddies a stranger could be taken for, by either of the names they come with. */
export function lookAlike(
  stranger: { user: UserId; name?: string | undefined },
  buddies: Known[],
): UserId | null {
  const theirs = new Set(skeletonsOf([stranger.user, stranger.name]))
  const taken = buddies.find(
    ({ user, nickname, name }) =>
      user !== stranger.user && skeletonsOf([user, nickname, name]).some((bones) => theirs.has(bones)),
  )
  return taken?.user ?? null
}
