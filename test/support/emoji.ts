import { writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { resolve } from 'node:path'

// Makes extension/ui/emoji-list.json of emojibase-data (MIT), of which the extension needs one part in five hundred:
// node test/support/emoji.ts && npx oxfmt -c test/oxfmt.json extension/ui/emoji-list.json

interface Entry {
  hexcode: string
  label: string
  emoji: string
  group?: number
  version: number
  tags?: string[]
}
type Names = Record<string, string | string[]>

/** Newer ones are not drawn yet by systems that are still in use. */
const newest = 15.1
/** Skin and hair: parts of others. */
const components = 2

const load = createRequire(import.meta.url)
const entries = load('emojibase-data/en/data.json') as Entry[]
const github = load('emojibase-data/en/shortcodes/github.json') as Names
const own = load('emojibase-data/en/shortcodes/emojibase.json') as Names
const { groups } = load('emojibase-data/en/messages.json') as { groups: { key: string; order: number }[] }

/** As Unicode recommends it: with the mark that asks for a picture only where one is needed. */
const recommended = /^\p{RGI_Emoji}$/v
const plain = (emoji: string) => (recommended.test(emoji) ? emoji : emoji.replaceAll('\ufe0f', ''))

/** "👍 +1 thumbsup|thumbs up|good hand like": the emoji and its names, what it is, more words to find it by. */
function line({ hexcode, label, emoji, tags = [] }: Entry): string {
  const names = [...new Set([github[hexcode] ?? [], own[hexcode] ?? []].flat())].slice(0, 3)
  const known = new Set([...names.flatMap((name) => name.split('_')), ...label.split(/[\s:,]+/)])
  const words = [...new Set(tags.flatMap((tag) => tag.split(' ')))].filter((word) => !known.has(word))
  return `${[plain(emoji), ...names].join(' ')}|${label}|${words.join(' ')}`
}

const list = Object.fromEntries(
  groups
    .filter(({ order }) => order !== components)
    .map(({ key, order }) => [
      key,
      entries.filter(({ group, version }) => group === order && version <= newest).map(line),
    ]),
)
writeFileSync(
  resolve(import.meta.dirname, '../../extension/ui/emoji-list.json'),
  `${JSON.stringify(list, null, 2)}\n`,
)
