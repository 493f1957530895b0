/** The groups of the buddy list: what is new, favourites, own groups, and everybody else by presence. */
import type { Buddy } from './people.ts'

export type SectionType = 'unread' | 'favourites' | 'group' | 'online' | 'away' | 'offline' | 'unknown'
export interface Section {
  /** By which it is remembered as folded. */
  key: string
  type: SectionType
  /** Of an own group. */
  title: string
  buddies: Buddy[]
  isFolded: boolean
}

const alphabet = new Intl.Collator()
/** By which a row begins. */
export const shownName = ({ name, nickname }: Pick<Buddy, 'name' | 'nickname'>): string => nickname || name

const rank = ({ presence: { show } }: Buddy) =>
  show === 'online' || show === 'idle' ? 0 : show === 'away' || show === 'dnd' ? 1 : 2
const onlineFirst = (a: Buddy, b: Buddy) =>
  rank(a) - rank(b) || alphabet.compare(shownName(a), shownName(b)) || (a.name < b.name ? -1 : 1)
const newestFirst = (a: Buddy, b: Buddy) => (b.last?.at ?? 0) - (a.last?.at ?? 0)

function byPresence({ presence: { show } }: Buddy): SectionType {
  if (show === 'online' || show === 'idle') return 'online'
  return show === 'dnd' ? 'away' : show
}

interface List {
  buddies: Buddy[]
  /** Own groups in their order. */
  groups: string[]
  folded: ReadonlySet<string>
  /** Something was typed: nothing that is looked for may hide, and empty groups are of no use. */
  isFiltered: boolean
  /** Whose new messages are listed elsewhere, by a prompt. */
  asking: ReadonlySet<string>
}

/** Is there something new from them that counts? Then they are on top. */
export const isNew = ({ unread, isMuted }: Buddy): boolean => unread > 0 && !isMuted

export function sectionsOf({ buddies, groups, folded, isFiltered, asking }: List): Section[] {
  const homes = new Map<string, Buddy[]>()
  for (const buddy of buddies) {
    const key = homeOf(buddy, asking)
    homes.set(key, [...(homes.get(key) ?? []), buddy])
  }
  const order: [key: string, type: SectionType, title: string][] = [
    ['unread', 'unread', ''],
    ['favourites', 'favourites', ''],
    ...groups.map((name): [string, SectionType, string] => [groupKey(name), 'group', name]),
    ['online', 'online', ''],
    ['away', 'away', ''],
    ['offline', 'offline', ''],
    ['unknown', 'unknown', ''],
  ]
  return order
    .map(([key, type, title]) => ({
      key,
      type,
      title,
      buddies: (homes.get(key) ?? []).toSorted(type === 'unread' ? newestFirst : onlineFirst),
      // Nothing new may hide in a folded group either.
      isFolded: type !== 'unread' && !isFiltered && folded.has(key),
    }))
    .filter((section) => section.buddies.length > 0 || (section.type === 'group' && !isFiltered))
}

const groupKey = (name: string) => `group:${name}`

function homeOf(buddy: Buddy, asking: ReadonlySet<string>): string {
  if (isNew(buddy) && !asking.has(buddy.name)) return 'unread'
  if (buddy.isFavourite) return 'favourites'
  return buddy.group === null ? byPresence(buddy) : groupKey(buddy.group)
}
