import { BellOff, BellRing } from 'lucide'
import { Component } from 'preact'
import { useId, useState } from 'preact/hooks'
import { shownName, type Buddy, type BuddyListStore } from '../stores/buddy-list-store.ts'
import { Avatar } from './Avatar.tsx'
import { BuddyMenu } from './BuddyMenu.tsx'
import './BuddyRow.css'
import { number, shortTime } from './format.ts'
import { Icon } from './Icon.tsx'
import { Name } from './Name.tsx'
import { presenceWords, showWord } from './presence-words.ts'
import { saidWords } from './said-words.ts'
import { say, sayCount } from './text.ts'

interface Props {
  buddy: Buddy
  store: BuddyListStore
  now: number
  /** The one place in the list where Tab stops. */
  isStop: boolean
  /** Enter in the search field opens this one. */
  opensOnEnter: boolean
  onOpen(): void
}

/**
 * Drawn anew only when something that it shows is another thing: presence is looked at every few seconds, and a list
 * may have hundreds of rows. What it calls does the same each time.
 */
export class BuddyRow extends Component<Props> {
  override shouldComponentUpdate(next: Props) {
    return (['buddy', 'store', 'now', 'isStop', 'opensOnEnter'] as const).some(
      (name) => next[name] !== this.props[name],
    )
  }

  render(props: Props) {
    return <Row {...props} />
  }
}

function Row({ buddy, store, now, isStop, opensOnEnter, onOpen }: Props) {
  const { name, nickname, ownName, presence, isMuted, isMarked, tellsOnline, unread, last } = buddy
  const [isMenuOpen, setMenuOpen] = useState(false)
  const line = useId()
  const more = useId()
  const words = [name, showWord(presence.show), ...(unread > 0 ? [sayCount('unread', unread)] : [])]
  const tip = [
    ...(nickname || ownName ? [name, ownName] : []),
    presenceWords(presence, now),
    presence.status,
  ].filter((part) => part !== '')
  // The user name is never left out: it alone says who it is.
  const besides = nickname ? name : ownName
  const marks = [
    nickname,
    ownName,
    isMarked && unread === 0 ? say('markedUnread') : '',
    tellsOnline ? say('tellsOnline') : '',
    isMuted ? say('muted') : '',
  ].filter((part) => part !== '')

  return (
    // oxlint-disable-next-line no-noninteractive-element-interactions -- the same menu has its button
    <li
      class={unread > 0 || isMarked ? 'buddy has-unread' : 'buddy'}
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
        aria-describedby={`${more} ${line}`}
        title={tip.join('\n')}
        onClick={onOpen}
      >
        <Avatar name={name} show={presence.show} />
        <span class="buddy-words">
          <span class="buddy-name">
            <Name of={shownName(buddy)} />
            {besides !== '' && <bdi class="buddy-besides">{besides}</bdi>}
            {tellsOnline && <Icon of={BellRing} size={12} />}
            {isMuted && <Icon of={BellOff} size={12} />}
          </span>
          <span id={more} hidden>
            {marks.join(', ')}
          </span>
          <span id={line} class="buddy-line" dir="auto">
            <Line buddy={buddy} now={now} />
          </span>
        </span>
        <span class="buddy-side">
          {last && <bdi class="buddy-time">{shortTime(last.at, now)}</bdi>}
          {unread > 0 ? (
            <span class={isMuted ? 'pill muted' : 'pill'}>{unread > 99 ? '99+' : number(unread)}</span>
          ) : (
            isMarked && <span class="marked-dot" />
          )}
        </span>
      </button>
      <BuddyMenu
        buddy={buddy}
        store={store}
        isStop={isStop}
        isOpen={isMenuOpen}
        onToggle={setMenuOpen}
        onOpenChat={onOpen}
      />
    </li>
  )
}

/** The most telling of what is known: what they do now, what is new, what I left unfinished, what they say of themselves. */
function Line({ buddy: { presence, isTyping, unread, draft, last }, now }: { buddy: Buddy; now: number }) {
  if (isTyping) return <em class="buddy-typing">{say('typing')}</em>
  if (unread > 0 && last) return <>{saidWords(last)}</>
  if (draft !== '') {
    return (
      <>
        <span class="buddy-draft">{say('draft')}</span> {draft}
      </>
    )
  }
  if (presence.status !== '') return <>{presence.status}</>
  if (!last) return <>{presenceWords(presence, now)}</>
  return <>{last.direction === 'out' ? say('youSaid', saidWords(last)) : saidWords(last)}</>
}
