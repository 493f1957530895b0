/**
 * Everything people read comes from `_locales` through here. A key that does not exist does not compile.
 * Which language it is, the browser decides; English stands in for what a translation lacks.
 */
import type { ComponentChildren } from 'preact'
import { browser } from 'wxt/browser'
import type english from '../public/_locales/en/messages.json'

export type TextKey = keyof typeof english
/** `unread` for `unread_one` and `unread_other`: what `sayCount` takes. */
export type CountKey = TextKey extends infer Key ? (Key extends `${infer Base}_other` ? Base : never) : never

type Lookup = (key: string, substitutions: string[]) => string

/** Unit tests run without a browser that reads `_locales`: there the English file itself is the source. */
const lookUp: Lookup =
  import.meta.env.MODE === 'test'
    ? lookUpIn((await import('../public/_locales/en/messages.json')).default)
    : (key, substitutions) => browser.i18n.getMessage(key as TextKey, substitutions)

function lookUpIn(messages: Record<string, { message: string }>): Lookup {
  return (key, substitutions) =>
    (messages[key]?.message ?? '').replaceAll(/\$(\d)/g, (_, position) => substitutions[position - 1] ?? '')
}

/** The text of `key`, with `$1`, `$2`, … replaced. */
export const say = (key: TextKey, ...substitutions: (string | number)[]): string =>
  lookUp(key, substitutions.map(String))

/** What no text contains, to find the places again where the elements go. */
const slot = (position: number) => `\u0001${position}\u0001`

/** Like `say`, with elements in the places of `$1`, `$2`, …: names in `<bdi>`, links. */
export function sayWith(key: TextKey, ...elements: ComponentChildren[]): ComponentChildren[] {
  const parts = lookUp(
    key,
    elements.map((_, position) => slot(position)),
  ).split('\u0001')
  return parts.map((part, position) => (position % 2 === 0 ? part : elements[Number(part)]))
}

/** The language of the texts, which need not be the browser's: screen readers choose their voice by it. */
export const language = (): string => {
  const spoken = say('language')
  const chosen = import.meta.env.MODE === 'test' ? spoken : browser.i18n.getUILanguage()
  return chosen.toLowerCase().startsWith(spoken.toLowerCase()) ? chosen : spoken
}

let plurals: Intl.PluralRules | undefined

/** The form of `key` that `count` asks for in this language; `$1` is the number, written as people write it. */
export function sayCount(key: CountKey, count: number, ...substitutions: (string | number)[]): string {
  plurals ??= new Intl.PluralRules(language())
  const values = [new Intl.NumberFormat(language()).format(count), ...substitutions.map(String)]
  return lookUp(`${key}_${plurals.select(count)}`, values) || lookUp(`${key}_other`, values)
}

/** Sets language and direction of the page as the browser's interface has them. */
export function localize(page: Document): void {
  page.documentElement.lang = language()
  page.documentElement.dir = browser.i18n.getMessage('@@bidi_dir')
}
