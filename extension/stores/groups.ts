/** One's own groups of the buddy list, as changes of the settings. Names are what tells them apart. */
import type { UserId } from '#shared/ids'
import type { Settings, SettingsChange } from '../db/settings.ts'
import { displayName, tooLongBy } from './display-name.ts'

type Grouped = Pick<Settings, 'groups' | 'buddies'>

/** The name as it is stored, and why it cannot be used, if it cannot. `was`: what the group is called now. */
export function groupName(
  { groups }: Grouped,
  typed: string,
  was?: string,
): { name: string; problem: 'empty' | 'long' | 'taken' | null } {
  const name = displayName(typed)
  if (name === '') return { name, problem: 'empty' }
  if (tooLongBy(name) > 0) return { name, problem: 'long' }
  return { name, problem: name !== was && groups.includes(name) ? 'taken' : null }
}

const membersOf = ({ buddies }: Grouped, group: string) =>
  Object.keys(buddies).filter((peer) => buddies[peer]?.group === group)

const allTo = (members: string[], group: string | null): SettingsChange['buddies'] =>
  Object.fromEntries(members.map((peer) => [peer, { group }]))

/** Puts a buddy into a group, which is made if there is none of that name; null: into none. */
export const intoGroup = ({ groups }: Grouped, peer: UserId, group: string | null): SettingsChange => ({
  ...(group !== null && !groups.includes(group) && { groups: [...groups, group] }),
  buddies: { [peer]: { group } },
})

export const renamedGroup = (settings: Grouped, from: string, to: string): SettingsChange => ({
  groups: settings.groups.map((name) => (name === from ? to : name)),
  buddies: allTo(membersOf(settings, from), to) ?? {},
})

/** Its buddies stay on the list, in no group. */
export const withoutGroup = (settings: Grouped, group: string): SettingsChange => ({
  groups: settings.groups.filter((name) => name !== group),
  buddies: allTo(membersOf(settings, group), null) ?? {},
})

/** One place up (-1) or down (1). */
export function movedGroup({ groups }: Grouped, group: string, by: -1 | 1): SettingsChange {
  const at = groups.indexOf(group)
  const rest = groups.filter((name) => name !== group)
  return at < 0 ? {} : { groups: rest.toSpliced(Math.max(0, at + by), 0, group) }
}
