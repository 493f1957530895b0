import { ArrowDown } from 'lucide'
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'
import type { EnvelopeId, Millis } from '#shared/ids'
import type { EventItem, Item } from '../stores/timeline.ts'
import { dayName, number } from './format.ts'
import { Icon } from './Icon.tsx'
import './Log.css'
import { MessageBubble } from './MessageBubble.tsx'
import { Name } from './Name.tsx'
import { say, sayCount, sayWith, type TextKey } from './text.ts'

/** So near to the end that one means to be there. */
const nearEndPx = 48
/** So near to the beginning that older messages are fetched. */
const nearStartPx = 400

interface Props {
  name: string
  items: Item[]
  unread: number
  hasOlder: boolean
  isTyping: boolean
  /** Opened by the network: nothing may take the focus here yet. */
  now: Millis
  onOlder(): void
  onEnd(isAtEnd: boolean): void
  /** Half of that message of theirs is on the screen, or no longer. */
  onSight(ts: Millis, isVisible: boolean): void
  onRetry(id: EnvelopeId): void
  onDiscard(id: EnvelopeId): void
}

/** What was said, oldest first. It stays where one reads; at the end it follows. */
export function Log(props: Props) {
  const { name, items, unread, hasOlder, isTyping, now, onOlder, onRetry, onDiscard } = props
  const { scroller, isAtEnd, toEnd, onScroll } = useSteadyScroll(items, props)
  useSight(scroller, items, props.onSight)

  return (
    <div class="log-frame">
      <div
        ref={scroller}
        class="log"
        role="log"
        aria-label={say('conversationWith', name)}
        // Only at the end is an addition news; scrolled up, older messages come in.
        aria-live={isAtEnd ? 'polite' : 'off'}
        aria-relevant="additions"
        // oxlint-disable-next-line no-noninteractive-tabindex -- whoever has no wheel scrolls it by keys
        tabIndex={0}
        onScroll={() => {
          onScroll()
          if (hasOlder && scroller.current!.scrollTop < nearStartPx) onOlder()
        }}
      >
        <div class="log-items">
          {items.map((item) => (
            <LogItem
              key={item.key}
              item={item}
              name={name}
              now={now}
              onRetry={onRetry}
              onDiscard={onDiscard}
            />
          ))}
        </div>
        <p class="typing-strip" aria-live="off">
          {isTyping && (
            <>
              <span class="typing-dots" />
              {sayWith('isTyping', <Name of={name} />)}
            </>
          )}
        </p>
      </div>
      {!isAtEnd && (
        <button type="button" class="to-end" onClick={toEnd}>
          <Icon of={ArrowDown} size={16} />
          <span class={unread > 0 ? undefined : 'visually-hidden'}>
            {unread > 0 ? sayCount('newBelow', unread) : say('toEnd')}
          </span>
        </button>
      )}
    </div>
  )
}

interface ItemProps {
  item: Item
  name: string
  now: Millis
  onRetry(id: EnvelopeId): void
  onDiscard(id: EnvelopeId): void
}

const events: Record<EventItem['event'], TextKey> = {
  knocked: 'eventKnocked',
  'was-knocked': 'eventWasKnocked',
  accepted: 'eventAccepted',
  'was-accepted': 'eventWasAccepted',
}

function LogItem({ item, name, now, onRetry, onDiscard }: ItemProps) {
  if (item.type === 'day') return <h2 class="log-separator">{dayName(item.at, now)}</h2>
  if (item.type === 'new') return <p class="log-separator new">{say('newMessages')}</p>
  if (item.type === 'event') return <p class="log-event">{sayWith(events[item.event], <Name of={name} />)}</p>
  return (
    <MessageBubble
      message={item}
      name={name}
      onRetry={() => onRetry(item.id)}
      onDiscard={() => onDiscard(item.id)}
    />
  )
}

/**
 * Keeps what one reads in its place whatever is added above or below, and follows at the end. Browsers anchor
 * scrolling too, but not at the very top, which is where older messages come in; so it is done here alone.
 */
function useSteadyScroll(items: Item[], { onEnd, onOlder }: Props) {
  const scroller = useRef<HTMLDivElement>(null)
  const [isAtEnd, setAtEnd] = useState(true)
  const anchor = useRef<{ element: Element; top: number } | null>(null)
  const isOpened = useRef(false)
  const lastKey = useRef('')

  function remember() {
    const log = scroller.current!
    const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < nearEndPx
    const top = log.getBoundingClientRect().top
    const element = [...log.firstElementChild!.children].find(
      (child) => child.getBoundingClientRect().bottom > top,
    )
    anchor.current = element ? { element, top: element.getBoundingClientRect().top } : null
    setAtEnd(atEnd)
    onEnd(atEnd)
    return atEnd
  }

  function toEnd() {
    const log = scroller.current!
    log.scrollTop = log.scrollHeight
    remember()
  }

  function hold() {
    const log = scroller.current!
    if (anchor.current?.element.isConnected) {
      log.scrollTop += anchor.current.element.getBoundingClientRect().top - anchor.current.top
    }
    remember()
  }

  useLayoutEffect(() => {
    if (items.length === 0) return
    const last = items.findLast((item) => item.type === 'message')
    const isMineAndNew = last?.direction === 'out' && last.key !== lastKey.current && last.tick === 'pending'
    lastKey.current = last?.key ?? ''
    if (!isOpened.current) {
      isOpened.current = true
      const log = scroller.current!
      const newLine = log.querySelector<HTMLElement>('.log-separator.new')
      // Reading goes on where it stopped, with a little of what was before.
      log.scrollTop = newLine ? newLine.offsetTop - log.clientHeight / 3 : log.scrollHeight
      remember()
    } else if (isAtEnd || isMineAndNew) toEnd()
    else hold()
    if (scroller.current!.scrollHeight <= scroller.current!.clientHeight) onOlder()
    // oxlint-disable-next-line exhaustive-deps -- only other items move what is shown
  }, [items])

  useEffect(() => {
    const log = scroller.current!
    const observer = new ResizeObserver(() => (isAtEndNow.current ? toEnd() : hold()))
    observer.observe(log)
    return () => observer.disconnect()
  }, [])
  const isAtEndNow = useRef(isAtEnd)
  isAtEndNow.current = isAtEnd

  return { scroller, isAtEnd, toEnd, onScroll: remember }
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
