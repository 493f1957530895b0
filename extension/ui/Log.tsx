import { ArrowDown, ArrowUp } from 'lucide'
import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import type { Millis } from '#shared/ids'
import type { EventItem, Item, MessageItem } from '../stores/timeline.ts'
import { EmojiPicker } from './EmojiPicker.tsx'
import { dayName, number, timeOfDay } from './format.ts'
import { Icon } from './Icon.tsx'
import './Log.css'
import type { MessageActions } from './message-actions.ts'
import { MessageBubble } from './MessageBubble.tsx'
import { MessageMenu } from './MessageMenu.tsx'
import { Name } from './Name.tsx'
import { SessionHead } from './SessionHead.tsx'
import { useSteadyScroll } from './steady-scroll.ts'
import { say, sayCount, sayWith, type TextKey } from './text.ts'

/** So near to the beginning that older messages are fetched. */
const nearStartPx = 400
/** What cannot be opened is asked for by itself; after this a person may ask too. */
const askAfterMs = 60_000

interface Props {
  /** The other one's user name: what the log is called. */
  peer: string
  /** What I call them. */
  name: string
  me: string
  items: Item[]
  unread: number
  hasOlder: boolean
  isTyping: boolean
  now: Millis
  actions: MessageActions
  recentEmoji: readonly string[]
  /** The message to go to, as soon as it is here. */
  target: { key: string } | null
  /** One that has come in above what was seen. */
  late: string | null
  onLateSeen(key: string): void
  onOlder(): void
  onEnd(isAtEnd: boolean): void
  /** Half of that message of theirs is on the screen, or no longer. */
  onSight(ts: Millis, isVisible: boolean): void
}

/** What was said, oldest first. It stays where one reads; at the end it follows. */
export function Log(props: Props) {
  const { peer, name, me, items, unread, hasOlder, isTyping, now, actions, onOlder } = props
  const { scroller, isAtEnd, toEnd, toMessage, onScroll } = useSteadyScroll(items, props)
  const [menu, setMenu] = useState<Menu | null>(null)
  const isLateAbove = useLate(scroller, props)
  const onKeyDown = useRovingMessages(actions)
  useSight(scroller, items, props.onSight)

  // It may have to be loaded first; once it was reached, later items do not bring it back.
  const reached = useRef<Props['target']>(null)
  useEffect(() => {
    const { target } = props
    if (target && target !== reached.current && toMessage(target.key)) reached.current = target
  }, [props.target, items])

  // Elements stay the same until what they show does, or every key that is typed would draw the log anew.
  const drawn = useMemo(
    () =>
      items.map((item) => (
        <LogItem
          key={item.key}
          item={item}
          name={name}
          me={me}
          now={now}
          actions={actions}
          onMenu={(message, anchor) => setMenu({ message, anchor, isPicking: false })}
        />
      )),
    [items, name, me, now, actions],
  )

  return (
    <div class="log-frame">
      {/* oxlint-disable-next-line no-noninteractive-element-interactions -- the keys of the messages in it pass here */}
      <div
        ref={scroller}
        class="log"
        role="log"
        aria-label={say('conversationWith', peer)}
        // Only at the end is an addition news; scrolled up, older messages come in.
        aria-live={isAtEnd ? 'polite' : 'off'}
        aria-relevant="additions"
        // oxlint-disable-next-line no-noninteractive-tabindex -- whoever has no wheel scrolls it by keys
        tabIndex={0}
        onKeyDown={onKeyDown}
        onScroll={() => {
          onScroll()
          if (hasOlder && scroller.current!.scrollTop < nearStartPx) onOlder()
        }}
      >
        <div class="log-items">{drawn}</div>
        <p class="typing-strip" aria-live="off">
          {isTyping && (
            <>
              <span class="typing-dots" />
              {sayWith('isTyping', <Name of={name} />)}
            </>
          )}
        </p>
      </div>
      <output>
        {isLateAbove && (
          <button type="button" class="to-late" onClick={() => toMessage(props.late!)}>
            <Icon of={ArrowUp} size={16} />
            {say('newAbove')}
          </button>
        )}
      </output>
      {!isAtEnd && (
        <button type="button" class="to-end" onClick={toEnd}>
          <Icon of={ArrowDown} size={16} />
          <span class={unread > 0 ? undefined : 'visually-hidden'}>
            {unread > 0 ? sayCount('newBelow', unread) : say('toEnd')}
          </span>
        </button>
      )}
      {menu && <OpenMenu menu={menu} actions={actions} recentEmoji={props.recentEmoji} onChange={setMenu} />}
    </div>
  )
}

/** The menu of one message; there is only one open, so there is only one. */
interface Menu {
  message: MessageItem
  anchor: HTMLElement
  /** Another emoji is looked for. */
  isPicking: boolean
}

interface OpenMenuProps {
  menu: Menu
  actions: MessageActions
  recentEmoji: readonly string[]
  onChange(menu: Menu | null): void
}

function OpenMenu({ menu, actions, recentEmoji, onChange }: OpenMenuProps) {
  const { message, anchor, isPicking } = menu
  if (isPicking) {
    return (
      <EmojiPicker
        anchor={anchor}
        recent={recentEmoji}
        onPick={(emoji) => {
          onChange(null)
          actions.react(message, emoji)
        }}
        onClose={() => onChange(null)}
      />
    )
  }
  return (
    <MessageMenu
      message={message}
      anchor={anchor}
      actions={actions}
      onPick={() => onChange({ message, anchor, isPicking: true })}
      onClose={() => onChange(null)}
    />
  )
}

interface ItemProps {
  item: Item
  name: string
  me: string
  now: Millis
  actions: MessageActions
  onMenu(message: MessageItem, anchor: HTMLElement): void
}

const events: Record<EventItem['event'], TextKey> = {
  knocked: 'eventKnocked',
  'was-knocked': 'eventWasKnocked',
  accepted: 'eventAccepted',
  'was-accepted': 'eventWasAccepted',
  left: 'eventLeft',
  'was-left': 'eventWasLeft',
  rejected: 'eventRejected',
  'was-rejected': 'eventWasRejected',
  ended: 'eventEnded',
  'device-added': 'eventDeviceAdded',
  'device-removed': 'eventDeviceRemoved',
  'account-changed': 'eventAccountChanged',
  'account-accepted': 'eventAccountAccepted',
  'account-deleted': 'eventAccountDeleted',
}

function LogItem({ item, name, me, now, actions, onMenu }: ItemProps) {
  switch (item.type) {
    case 'day':
      return <h2 class="log-separator">{dayName(item.at, now)}</h2>
    case 'new':
      return <p class="log-separator new">{say('newMessages')}</p>
    case 'session':
      return <SessionHead session={item} now={now} actions={actions} />
    case 'event':
      return (
        <p class={item.isLoud ? 'log-event loud' : 'log-event'}>
          {sayWith(events[item.event], <Name of={name} />, <bdi>{timeOfDay(item.at)}</bdi>)}
          {item.note !== undefined && (
            <>
              {' '}
              <bdi class="log-note">{item.note}</bdi>
            </>
          )}
        </p>
      )
    case 'message':
      return (
        <MessageBubble
          message={item}
          name={name}
          me={me}
          mayAsk={item.mayAsk && now - item.at > askAfterMs}
          actions={actions}
          onMenu={onMenu}
        />
      )
  }
}

/** Up and Down go from message to message: the log is one stop for Tab, and each message opens its menu by Enter. */
function useRovingMessages(actions: MessageActions) {
  return (event: KeyboardEvent) => {
    const log = event.currentTarget as HTMLElement
    const stop =
      event.target instanceof Element ? event.target.closest('[data-roving], .session-head button') : null
    if (event.target !== log && event.target !== stop) return
    if (event.key === 'Escape') actions.write()
    else if (event.key === 'ArrowUp' || event.key === 'ArrowDown') {
      const stops = [...log.querySelectorAll<HTMLElement>('[data-roving], .session-head button')]
      const at = stop ? stops.indexOf(stop as HTMLElement) : stops.length
      const next = stops[at + (event.key === 'ArrowUp' ? -1 : 1)]
      if (!next) return // at the ends the log scrolls by itself
      next.focus({ preventScroll: true })
      next.scrollIntoView({ block: 'nearest' })
    } else return
    event.preventDefault()
  }
}

/** Whether one that came in late lies above what is on the screen. One that comes into view has been seen. */
function useLate(scroller: { current: HTMLElement | null }, { items, late, onLateSeen }: Props): boolean {
  const [isAbove, setAbove] = useState(false)
  useEffect(() => {
    setAbove(false)
    const log = scroller.current!
    const element = late === null ? null : log.querySelector(`[data-key="${CSS.escape(late)}"]`)
    if (!element || typeof IntersectionObserver === 'undefined') return
    const observer = new IntersectionObserver(
      ([entry]) => {
        if (entry!.isIntersecting) onLateSeen(late!)
        else setAbove(entry!.boundingClientRect.top < (entry!.rootBounds?.top ?? 0))
      },
      { root: log },
    )
    observer.observe(element)
    return () => observer.disconnect()
    // oxlint-disable-next-line exhaustive-deps -- another one, or the same one drawn anew
  }, [late, items])
  return isAbove && late !== null
}

/** Tells which of their messages are on the screen: half of each, or half a window of a very tall one. */
function useSight(
  scroller: { current: HTMLElement | null },
  items: Item[],
  onSight: (ts: Millis, isVisible: boolean) => void,
) {
  const observer = useRef<IntersectionObserver | null>(null)
  useEffect(() => {
    if (typeof IntersectionObserver === 'undefined') return
    const seen = new IntersectionObserver(
      (entries) => {
        for (const { target, intersectionRatio, intersectionRect, rootBounds } of entries) {
          const fillsWindow = intersectionRect.height >= (rootBounds?.height ?? Infinity) / 2
          onSight(Number((target as HTMLElement).dataset.ts), intersectionRatio >= 0.5 || fillsWindow)
        }
      },
      { root: scroller.current, threshold: [0, 0.1, 0.25, 0.5, 0.75, 1] },
    )
    observer.current = seen
    return () => seen.disconnect()
  }, [])
  useEffect(() => {
    for (const message of scroller.current?.querySelectorAll('[data-ts]') ?? [])
      observer.current?.observe(message)
  }, [items])
}

export const countBadge = (unread: number): string => (unread > 99 ? '99+' : number(unread))
