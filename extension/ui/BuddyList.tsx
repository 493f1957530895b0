import { ChevronDown, ChevronRight } from 'lucide'
import type { UserId } from '#shared/ids'
import type { BuddyListStore, Section, SectionName } from '../stores/buddy-list-store.ts'
import './BuddyList.css'
import { BuddyRow } from './BuddyRow.tsx'
import { Button } from './Button.tsx'
import { number } from './format.ts'
import { Icon } from './Icon.tsx'
import type { useRoving } from './roving.ts'
import { say, type TextKey } from './text.ts'

const titles: Record<SectionName, TextKey> = {
  unread: 'groupUnread',
  online: 'groupOnline',
  away: 'groupAway',
  offline: 'groupOffline',
  unknown: 'groupUnknown',
}

interface Props {
  store: BuddyListStore
  sections: Section[]
  roving: ReturnType<typeof useRoving<HTMLUListElement>>
  now: number
  onOpen(name: UserId): void
  /** Up, on the first of all. */
  onLeave(): void
}

/** One list, whose groups are told by lines in it: so the arrows and a screen reader go through in one go. */
export function BuddyList({ store, sections, roving, now, onOpen, onLeave }: Props) {
  if (sections.length === 0) return null
  const keys = sections.flatMap(({ name, buddies, isFolded }) => [
    ...(name === 'unread' ? [] : [`group ${name}`]),
    ...(isFolded ? [] : buddies.map((buddy) => buddy.name)),
  ])
  // What Tab stops at must exist; the one that had it may have gone.
  const stop = roving.current !== null && keys.includes(roving.current) ? roving.current : keys[0]
  const isFiltered = store.filter.value !== ''

  return (
    // oxlint-disable-next-line no-noninteractive-element-interactions -- arrows move between its buttons
    <ul
      ref={roving.root}
      class="buddy-list"
      aria-label={say('buddies')}
      onKeyDown={(event) => roving.onKeyDown(event, onLeave)}
      onFocusIn={roving.onFocusIn}
    >
      {sections.flatMap(({ name, buddies, isFolded }, position) => [
        <li key={`group ${name}`} class="list-group">
          {name === 'unread' ? (
            <>
              <h2 class="list-heading">{say(titles[name])}</h2>
              <Button kind="link" onClick={() => void store.markAllRead()}>
                {say('markAllRead')}
              </Button>
            </>
          ) : (
            <GroupButton
              name={name}
              count={buddies.length}
              isFolded={isFolded}
              isStop={stop === `group ${name}`}
              onFold={(folded) => void store.fold(name, folded)}
            />
          )}
        </li>,
        ...(isFolded
          ? []
          : buddies.map((buddy, place) => (
              <BuddyRow
                key={buddy.name}
                buddy={buddy}
                now={now}
                isStop={stop === buddy.name}
                opensOnEnter={isFiltered && position === 0 && place === 0}
                onOpen={() => onOpen(buddy.name)}
                onMute={(isMuted) => void store.mute(buddy.name, isMuted)}
                onRemove={() => void store.remove(buddy.name)}
              />
            ))),
      ])}
    </ul>
  )
}

interface GroupProps {
  name: SectionName
  count: number
  isFolded: boolean
  isStop: boolean
  onFold(isFolded: boolean): void
}

function GroupButton({ name, count, isFolded, isStop, onFold }: GroupProps) {
  return (
    <button
      type="button"
      class="list-heading group-button"
      data-roving={`group ${name}`}
      tabIndex={isStop ? 0 : -1}
      aria-expanded={!isFolded}
      onClick={() => onFold(!isFolded)}
    >
      <Icon of={isFolded ? ChevronRight : ChevronDown} size={14} mirrors />
      {say(titles[name])}
      <span class="group-count">{number(count)}</span>
    </button>
  )
}
