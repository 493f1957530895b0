/** What people call themselves, in the one form that is stored and sent. */
import { characters } from '#shared/content'
import { limits } from '#shared/limits'

/**
 * Control characters, and what is there without being seen or turns the direction of what is around it. The joiner of
 * emoji is among them and stays between two of them.
 */
const unseen = /[\p{Cc}\p{Cf}\p{Co}\p{Cn}]/u
const spaces = /[\p{Zs}\p{Zl}\p{Zp}\t\n\v\f\r]+/gu
const joiner = '\u200d'
const picture = /[\p{Extended_Pictographic}\p{Emoji_Modifier}\ufe0f]/u

export function displayName(typed: string): string {
  const letters = [...typed.normalize('NFC').replaceAll(spaces, ' ')]
  return letters
    .filter((letter, at) => {
      if (letter === joiner) return picture.test(letters[at - 1] ?? '') && picture.test(letters[at + 1] ?? '')
      return !unseen.test(letter)
    })
    .join('')
    .normalize('NFC') // what stood between a letter and its mark has gone
    .trim()
    .replaceAll(/ +/g, ' ')
}

/**
 * How many characters it is too long; 0 when it is not. Counted as the protocol counts, in code points: what people see
 * as one character may be several, so it never has more of those.
 */
export const tooLongBy = (name: string): number => Math.max(0, characters(name) - limits.displayNameCharsMax)
