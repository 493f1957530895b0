/**
 * Emoji and their names, from emojibase-data (MIT, © Miles Johnson; test/support/emoji.ts made the list). 130 kB that
 * are loaded when somebody looks for an emoji or types a name between colons, and not before.
 */

export interface Emoji {
  emoji: string
  /** What is typed between colons. */
  names: string[]
  /** What it is, in words. */
  label: string
  /** All words it is found by, in one line. */
  words: string
}

export const groupNames = [
  'smileys-emotion',
  'people-body',
  'animals-nature',
  'food-drink',
  'travel-places',
  'activities',
  'objects',
  'symbols',
  'flags',
] as const
export type GroupName = (typeof groupNames)[number]

export interface EmojiList {
  groups: Record<GroupName, Emoji[]>
  all: Emoji[]
  byName: Map<string, Emoji>
  byEmoji: Map<string, Emoji>
}

function read(line: string): Emoji {
  const [start = '', label = '', words = ''] = line.split('|')
  const [emoji = '', ...names] = start.split(' ')
  return { emoji, names, label, words: ` ${names.join(' ').replaceAll('_', ' ')} ${label} ${words}` }
}

export function listOf(lines: Record<GroupName, string[]>): EmojiList {
  const groups = Object.fromEntries(
    groupNames.map((name) => [name, lines[name].map(read)]),
  ) as EmojiList['groups']
  const all = groupNames.flatMap((name) => groups[name])
  const byName = new Map<string, Emoji>()
  // Whose first name it is has it: `cat` is the face, not the whole animal that is also called so.
  for (const one of all) if (one.names[0] && !byName.has(one.names[0])) byName.set(one.names[0], one)
  for (const one of all) for (const name of one.names) if (!byName.has(name)) byName.set(name, one)
  return { groups, all, byName, byEmoji: new Map(all.map((one) => [one.emoji, one])) }
}

let loading: Promise<EmojiList> | undefined
export function loadEmoji(): Promise<EmojiList> {
  loading ??= import('./emoji-list.json').then((lines) => listOf(lines.default))
  loading.catch(() => (loading = undefined)) // the next one tries again
  return loading
}

const named = /(?<![\p{L}\p{N}]):(?<name>[a-z0-9_+-]{1,50}):/gu

/** With every `:name:` that is an emoji's in its place; others stay as they are. Code is left alone. */
export async function withEmoji(text: string): Promise<string> {
  if (text.includes('`') || !named.test(text)) return text
  named.lastIndex = 0
  const list = await loadEmoji().catch(() => null) // better a name than no message
  return list ? text.replaceAll(named, (typed, name: string) => list.byName.get(name)?.emoji ?? typed) : text
}

/** A name that is being typed, right before the cursor: from two letters on, and not in the middle of a word. */
const begun = /(?:^|[^\p{L}\p{N}:`]):(?<name>[a-z0-9_+-]{2,40})$/u

/** What is typed of a name before the cursor, or null. */
export const nameBefore = (text: string, cursor: number): string | null =>
  begun.exec(text.slice(Math.max(0, cursor - 50), cursor))?.groups?.name ?? null

/** Names that begin so, shortest first, then those with a part that begins so. */
export function completions(
  list: EmojiList,
  typed: string,
  countMax: number,
): { name: string; emoji: Emoji }[] {
  const found: { name: string; emoji: Emoji; rank: number }[] = []
  for (const [name, emoji] of list.byName) {
    const rank = name.startsWith(typed) ? name.length : name.includes(`_${typed}`) ? 100 + name.length : 0
    if (rank > 0) found.push({ name, emoji, rank })
  }
  const seen = new Set<Emoji>()
  return found
    .toSorted((a, b) => a.rank - b.rank)
    .filter(({ emoji }) => !seen.has(emoji) && seen.add(emoji))
    .slice(0, countMax)
}

/** Those of which every typed word begins a word; what is called so comes first. */
export function searched(list: EmojiList, typed: string, countMax: number): Emoji[] {
  const wanted = typed
    .toLowerCase()
    .split(/[\s_:]+/)
    .filter((word) => word !== '')
  if (wanted.length === 0) return []
  const found = list.all.filter(({ words }) => wanted.every((word) => words.includes(` ${word}`)))
  const isNamed = ({ names, label }: Emoji) =>
    label.startsWith(wanted[0]!) || names.some((name) => name.startsWith(wanted[0]!))
  return [...found.filter(isNamed), ...found.filter((one) => !isNamed(one))].slice(0, countMax)
}
