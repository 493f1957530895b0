import { Bell, BellOff, MessageCircle, UserMinus } from 'lucide'
import { useId, useState } from 'preact/hooks'
import type { Buddy } from '../stores/buddy-list-store.ts'
import { Avatar } from './Avatar.tsx'
import './BuddyRow.css'
import { RemoveDialog } from './RemoveDialog.tsx'
import { number, shortTime } from './format.ts'
import { Icon } from './Icon.tsx'
import { MenuButton } from './Menu.tsx'
import { Name } from './Name.tsx'
import { presenceWords, showWord } from './presence-words.ts'
import { say, sayCount } from './text.ts'

interface Props {
  buddy: Buddy
  now: number
  /** The one place in the list where Tab stops. */
  isStop: boolean
  /** Enter in the search field opens this one. */
  opensOnEnter: boolean
  onOpen(): void
  onMute(isMuted: boolean): void
  onRemove(): void
}

export function BuddyRow({ buddy, now, isStop, opensOnEnter, onOpen, onMute, onRemove }: Props) {
  const { name, presence, isMuted, unread, last } = buddy
  const [isMenuOpen, setMenuOpen] = useState(false)
  const [isRemoving, setRemoving] = useState(false)
  const line = useId()
  const words = [name, showWord(presence.show), ...(unread > 0 ? [sayCount('unread', unread)] : [])]
  const tip = [presenceWords(presence, now), presence.status].filter((part) => part !== '').join('\n')

  return (
    // oxlint-disable-next-line no-noninteractive-element-interactions -- the same menu has its button
    <li
      class={unread > 0 ? 'buddy has-unread' : 'buddy'}
      data-target={opensOnEnter ? true : undefined}
      onContextMenu={(event) => {
        event.preventDefault()
        setMenuOpen(true)
      }}
    >
      <button
        type="button"
        class="buddy-open"
        data-roving={name}
        tabIndex={isStop ? 0 : -1}
        aria-label={words.join(', ')}
        aria-describedby={line}
        title={tip}
        onClick={onOpen}
      >
        <Avatar name={name} show={presence.show} />
        <span class="buddy-words">
          <span class="buddy-name">
            <Name of={name} />
            {isMuted && <Icon of={BellOff} size={12} />}
          </span>
          <span id={line} class="buddy-line" dir="auto">
            <Line buddy={buddy} now={now} />
          </span>
        </span>
        <span class="buddy-side">
          {last && <bdi class="buddy-time">{shortTime(last.at, now)}</bdi>}
          {unread > 0 && (
            <span class={isMuted ? 'pill muted' : 'pill'}>{unread > 99 ? '99+' : number(unread)}</span>
          )}
        </span>
      </button>
      <MenuButton
        label={say('moreFor', name)}
        tabIndex={isStop ? 0 : -1}
        isOpen={isMenuOpen}
        onToggle={setMenuOpen}
        entries={[
          { label: say('open'), icon: MessageCircle, onSelect: onOpen },
          {
            label: say(isMuted ? 'unmute' : 'mute'),
            icon: isMuted ? Bell : BellOff,
            onSelect: () => onMute(!isMuted),
          },
          {
            label: say('removeBuddy'),
            icon: UserMinus,
            isDangerous: true,
            onSelect: () => setRemoving(true),
          },
        ]}
      />
      {isRemoving && <RemoveDialog name={name} onRemove={onRemove} onClose={() => setRemoving(false)} />}
    </li>
  )
}

/** The most telling of what is known: what they do now, what is new, what I left unfinished, what they say of themselves. */
function Line({ buddy: { presence, isTyping, unread, draft, last }, now }: { buddy: Buddy; now: number }) {
  if (isTyping) return <em class="buddy-typing">{say('typing')}</em>
  if (unread > 0 && last) return <>{last.text}</>
  if (draft !== '') {
    return (
      <>
        <span class="buddy-draft">{say('draft')}</span> {draft}
      </>
    )
  }
  if (presence.status !== '') return <>{presence.status}</>
  if (!last) return <>{presenceWords(presence, now)}</>
  return <>{last.direction === 'out' ? say('youSaid', last.text) : last.text}</>
}
