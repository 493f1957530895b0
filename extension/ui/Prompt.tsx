import { TriangleAlert } from 'lucide'
import type { RefObject } from 'preact'
import { useEffect, useId, useLayoutEffect, useRef, useState } from 'preact/hooks'
import { useSignalEffect } from '@preact/signals'
import type { Millis } from '#shared/ids'
import type { KnockQuestion, PromptStore, Question } from '../stores/prompt-store.ts'
import type { Said } from '../stores/said.ts'
import { Avatar } from './Avatar.tsx'
import { Button } from './Button.tsx'
import { useGuard } from './guard.ts'
import { Icon } from './Icon.tsx'
import { Name } from './Name.tsx'
import { Notice } from './Notice.tsx'
import { presenceWords } from './presence-words.ts'
import { problemWords } from './problem-words.ts'
import './Prompt.css'
import { isComposing, PromptAnswers } from './PromptAnswers.tsx'
import { saidWords } from './said-words.ts'
import { say, sayCount, sayWith, type TextKey } from './text.ts'

interface Props {
  store: PromptStore
  now: Millis
  /** Who opened this window: a message that came in, or the person. */
  by: 'user' | 'network'
  /** Nothing is left to ask. */
  onOver(): void
  /** A stranger's words, and what is to be said about them, need so many pixels more. */
  onCramped?(px: number): void
}

/** Who wrote or knocks, and what may be done about it. Nothing here has the focus until the person acts. */
export function Prompt({ store, now, by, onOver, onCramped }: Props) {
  const isGuarded = useGuard(by === 'network')
  const title = useId()
  const body = useId()
  const frame = useRef<HTMLDialogElement>(null)
  const words = useRef<HTMLDivElement>(null)
  const question = store.current.value
  const key = question?.key
  const isSettled = useSettled(key, by === 'user')

  useSignalEffect(() => {
    if (store.isOver.value) onOver()
  })
  useEffect(() => {
    if (!isGuarded) store.stay()
  }, [isGuarded])
  // The next question is read out, and none of its buttons has the focus that the last one's had.
  useEffect(() => {
    if (key && !isGuarded && question?.type !== 'line') frame.current?.focus()
  }, [key])
  useEffect(() => {
    if (question) document.title = say('chatTitle', say(titles[question.type], store.nameOf(question.peer)))
  }, [key])

  const overflowPx = useOverflow(words, [key, store.lines.value])
  const hasGrown = useRef(false)
  useEffect(() => {
    if (question?.type !== 'knock' || overflowPx === 0 || hasGrown.current) return
    hasGrown.current = true // once: who makes the window small again wants it so
    onCramped?.(overflowPx)
  }, [key, overflowPx > 0])

  if (!question) return null
  const name = store.nameOf(question.peer)
  const problem = store.problem.value
  return (
    <dialog
      open
      ref={frame}
      class="prompt"
      aria-labelledby={title}
      aria-describedby={body}
      // oxlint-disable-next-line no-noninteractive-tabindex -- it takes the focus from the last question's button
      tabIndex={-1}
      onKeyDown={(event) => {
        if (event.key === 'Escape' && !isComposing(event)) store.escape()
      }}
    >
      <header class="prompt-head">
        <Avatar
          name={question.peer}
          show={question.type === 'knock' ? undefined : store.presence.value.show}
        />
        <div class="prompt-who">
          <h1 id={title}>{sayWith(titles[question.type], <Name of={name} />)}</h1>
          <Why question={question} store={store} now={now} />
        </div>
      </header>
      {/* oxlint-disable-next-line no-noninteractive-tabindex -- what scrolls can be scrolled by keys */}
      <div ref={words} id={body} class="prompt-body" tabIndex={overflowPx > 0 ? 0 : undefined}>
        {question.type === 'knock' ? <Knock {...question} /> : <Lines lines={store.lines.value} />}
      </div>
      {problem && <Notice text={problemWords(problem)} onClose={store.clearProblem} />}
      <Others store={store} isSettled={isSettled} />
      <PromptAnswers
        key={key}
        store={store}
        question={question}
        isGuarded={isGuarded}
        isSettled={isSettled}
        takesFocus={!isGuarded}
      />
    </dialog>
  )
}

const titles = {
  knock: 'alertKnock',
  prompt: 'alertAsks',
  line: 'replyTo',
} satisfies Record<Question['type'], TextKey>

/** The line under the name: what is known of who asks. Each part keeps its own direction. */
function Why({ question, store, now }: { question: Question; store: PromptStore; now: Millis }) {
  const parts = question.type === 'knock' ? found(question) : facts(question, store, now)
  return (
    <p class="prompt-why">
      {parts.map((part, at) => (
        <>
          {at > 0 && ' · '}
          <bdi>{part}</bdi>
        </>
      ))}
    </p>
  )
}

function facts(
  { type, peer, ...question }: Exclude<Question, KnockQuestion>,
  store: PromptStore,
  now: Millis,
) {
  const count = type === 'prompt' && 'count' in question ? question.count : 0
  return [
    ...(store.nameOf(peer) === peer ? [] : [peer]),
    ...(count > 1 ? [sayCount('promptMessages', count)] : []),
    presenceWords(store.presence.value, now),
  ]
}

const found = ({ chosenName, isInvited }: KnockQuestion) => [
  ...(chosenName === '' ? [] : [sayWith('knockName', <Name of={chosenName} />)]),
  say(isInvited ? 'knockFoundByLink' : 'knockFoundByName'),
]

/** Their words as they are: no link in them can be followed until one has let them in. */
function Knock({ text, reason, page, looksLike }: KnockQuestion) {
  return (
    <>
      {looksLike && (
        <p class="prompt-warning">
          <Icon of={TriangleAlert} size={16} />
          <span>{sayWith('knockLooksLike', <Name of={looksLike} />)}</span>
        </p>
      )}
      {reason !== '' && (
        <p class="prompt-hint">
          <bdi>{reason}</bdi>
        </p>
      )}
      {text !== '' && (
        <p class="prompt-text" dir="auto">
          {text}
        </p>
      )}
      {page !== '' && (
        <p class="prompt-hint">
          <bdi dir="ltr">{page}</bdi>
        </p>
      )}
    </>
  )
}

function Lines({ lines }: { lines: readonly (Said & { id: string })[] | null }) {
  if (lines === null) return <p class="prompt-hint">{say('promptHidden')}</p>
  return (
    <>
      {lines.map((line) => (
        <p key={line.id} class="prompt-text" dir="auto">
          {saidWords(line)}
        </p>
      ))}
    </>
  )
}

/** Never more than one window: whoever else waits is named here. */
function Others({ store, isSettled }: { store: PromptStore; isSettled: boolean }) {
  const others = store.others.value
  const label = useId()
  if (others.length === 0) return null
  return (
    <div class="prompt-others">
      <span id={label}>{sayCount('promptOthers', others.length)}</span>
      <ul aria-labelledby={label}>
        {others.map((peer) => (
          <li key={peer}>
            <Button kind="link" disabled={!isSettled} onClick={() => store.show(peer)}>
              <Name of={store.nameOf(peer)} />
            </Button>
          </li>
        ))}
      </ul>
    </div>
  )
}

/** How many pixels of an element have to be scrolled to. */
function useOverflow(element: RefObject<HTMLElement | null>, changes: unknown[]): number {
  const [px, setPx] = useState(0)
  useLayoutEffect(() => {
    const shown = element.current
    if (!shown) return
    const measure = () => setPx(Math.max(0, shown.scrollHeight - shown.clientHeight))
    measure()
    const observer = new ResizeObserver(measure)
    observer.observe(shown)
    return () => observer.disconnect()
  }, changes)
  return px
}

/** Long enough to see that something else is there now. */
const settleMs = 500

/** A click meant for what was here a moment ago, or for what is under a window that has just come, answers nothing. */
function useSettled(key: string | undefined, isAwaited: boolean): boolean {
  const [settled, setSettled] = useState(isAwaited ? key : undefined)
  const hasShown = useRef(false)
  useEffect(() => {
    if (key === undefined) return
    if (isAwaited && !hasShown.current) {
      hasShown.current = true
      setSettled(key)
      return
    }
    const timer = setTimeout(() => setSettled(key), settleMs)
    return () => clearTimeout(timer)
  }, [key])
  return key !== undefined && settled === key
}
