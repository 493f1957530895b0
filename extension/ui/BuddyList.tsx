import { ArrowDown, ArrowUp, ChevronDown, ChevronRight, Pencil, Trash2 } from 'lucide'
import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import type { UserId } from '#shared/ids'
import type { BuddyListStore, Section, SectionType } from '../stores/buddy-list-store.ts'
import './BuddyList.css'
import { BuddyRow } from './BuddyRow.tsx'
import { Button } from './Button.tsx'
import { number } from './format.ts'
import { DeleteGroupDialog, RenameGroupDialog } from './GroupDialogs.tsx'
import { Icon } from './Icon.tsx'
import { MenuButton } from './Menu.tsx'
import type { useRoving } from './roving.ts'
import { say, type TextKey } from './text.ts'

const titles: Record<Exclude<SectionType, 'group'>, TextKey> = {
  unread: 'groupUnread',
  favourites: 'groupFavourites',
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
  const keys = sections.flatMap(({ key, type, buddies, isFolded }) => [
    ...(type === 'unread' ? [] : [`group ${key}`]),
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
      {sections.flatMap((section, position) => [
        <li key={`group ${section.key}`} class="list-group">
          <GroupHead section={section} store={store} isStop={stop === `group ${section.key}`} />
        </li>,
        ...(section.isFolded
          ? []
          : section.buddies.map((buddy, place) => (
              <BuddyRow
                key={buddy.name}
                buddy={buddy}
                store={store}
                now={now}
                isStop={stop === buddy.name}
                opensOnEnter={isFiltered && position === 0 && place === 0}
                onOpen={() => onOpen(buddy.name)}
              />
            ))),
      ])}
    </ul>
  )
}

interface HeadProps {
  section: Section
  store: BuddyListStore
  isStop: boolean
}

function GroupHead({ section, store, isStop }: HeadProps) {
  const { key, type, title, buddies, isFolded } = section
  if (type === 'unread') {
    return (
      <>
        <h2 class="list-heading">{say(titles[type])}</h2>
        <Button kind="link" onClick={() => void store.markAllRead()}>
          {say('markAllRead')}
        </Button>
      </>
    )
  }
  return (
    <>
      <GroupButton
        title={type === 'group' ? <bdi>{title}</bdi> : say(titles[type])}
        groupKey={key}
        count={buddies.length}
        isFolded={isFolded}
        isStop={isStop}
        onFold={(folded) => void store.fold(key, folded)}
      />
      {type === 'group' && <GroupMenu group={title} store={store} isStop={isStop} />}
    </>
  )
}

interface GroupProps {
  title: ComponentChildren
  groupKey: string
  count: number
  isFolded: boolean
  isStop: boolean
  onFold(isFolded: boolean): void
}

function GroupButton({ title, groupKey, count, isFolded, isStop, onFold }: GroupProps) {
  return (
    <button
      type="button"
      class="list-heading group-button"
      data-roving={`group ${groupKey}`}
      tabIndex={isStop ? 0 : -1}
      aria-expanded={!isFolded}
      onClick={() => onFold(!isFolded)}
    >
      <Icon of={isFolded ? ChevronRight : ChevronDown} size={14} mirrors />
      {title}
      <span class="group-count">{number(count)}</span>
    </button>
  )
}

interface MenuProps {
  group: string
  store: BuddyListStore
  isStop: boolean
}

/** Of a group of one's own. */
function GroupMenu({ group, store, isStop }: MenuProps) {
  const [isOpen, setOpen] = useState(false)
  const [dialog, setDialog] = useState<'rename' | 'delete' | null>(null)
  const groups = store.groups.value
  const at = groups.indexOf(group)
  return (
    <>
      <MenuButton
        label={say('moreForGroup', group)}
        tabIndex={isStop ? 0 : -1}
        isOpen={isOpen}
        onToggle={setOpen}
        entries={[
          { label: say('groupRenameAsk'), icon: Pencil, onSelect: () => setDialog('rename') },
          ...(at > 0
            ? [{ label: say('moveUp'), icon: ArrowUp, onSelect: () => void store.moveGroup(group, -1) }]
            : []),
          ...(at < groups.length - 1
            ? [{ label: say('moveDown'), icon: ArrowDown, onSelect: () => void store.moveGroup(group, 1) }]
            : []),
          {
            label: say('groupDelete'),
            icon: Trash2,
            isDangerous: true,
            onSelect: () => setDialog('delete'),
          },
        ]}
      />
      {dialog === 'rename' && (
        <RenameGroupDialog group={group} store={store} onClose={() => setDialog(null)} />
      )}
      {dialog === 'delete' && (
        <DeleteGroupDialog group={group} store={store} onClose={() => setDialog(null)} />
      )}
    </>
  )
}
