/**
 * Keeps what one reads in its place whatever is added above or below, and follows at the end. Browsers anchor
 * scrolling too, but not at the very top, which is where older messages come in; so it is done here alone.
 */
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'
import type { Item } from '../stores/timeline.ts'

/** So near to the end that one means to be there. */
const nearEndPx = 48

interface Listener {
  onEnd(isAtEnd: boolean): void
  onOlder(): void
}

export function useSteadyScroll(items: Item[], { onEnd, onOlder }: Listener) {
  const scroller = useRef<HTMLDivElement>(null)
  const [isAtEnd, setAtEnd] = useState(true)
  const anchor = useRef<{ element: Element; top: number } | null>(null)
  const fromEnd = useRef(0)
  const isOpened = useRef(false)
  const lastKey = useRef('')

  function remember() {
    const log = scroller.current!
    const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < nearEndPx
    const top = log.getBoundingClientRect().top
    const element = firstMessageBelow(log.firstElementChild!.children, top)
    fromEnd.current = log.scrollHeight - log.scrollTop
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

  /** Brings a message to where one looks; false when it is not there. */
  function toMessage(key: string): boolean {
    const log = scroller.current!
    const element = log.querySelector<HTMLElement>(`[data-key="${CSS.escape(key)}"]`)
    if (!element) return false
    const { top, height } = element.getBoundingClientRect()
    log.scrollTop += top - log.getBoundingClientRect().top - Math.max(0, (log.clientHeight - height) / 3)
    remember()
    element.focus({ preventScroll: true })
    return true
  }

  function hold() {
    const log = scroller.current!
    if (anchor.current?.element.isConnected) {
      log.scrollTop += anchor.current.element.getBoundingClientRect().top - anchor.current.top
    } else log.scrollTop = log.scrollHeight - fromEnd.current // it was deleted just now
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
    // A file whose state changes takes more room or less, wherever it stands.
    observer.observe(log.firstElementChild!)
    return () => observer.disconnect()
  }, [])
  const isAtEndNow = useRef(isAtEnd)
  isAtEndNow.current = isAtEnd

  return { scroller, isAtEnd, toEnd, toMessage, onScroll: remember }
}

/**
 * The first message whose end is below that line: they stand one under the other, so halves do. Not a heading: which of
 * those there are changes with what comes above them.
 */
function firstMessageBelow(children: HTMLCollection, top: number): Element | undefined {
  let from = 0
  let to = children.length
  while (from < to) {
    const middle = (from + to) >> 1
    if (children[middle]!.getBoundingClientRect().bottom > top) to = middle
    else from = middle + 1
  }
  while (from < children.length && !children[from]!.hasAttribute('data-key')) from++
  return children[from]
}
