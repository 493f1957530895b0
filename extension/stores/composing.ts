/** What is being written: the draft, what it answers or changes, and how it is sent. */
import { computed, effect, signal, type ReadonlySignal, type Signal } from '@preact/signals'
import { v7 } from 'uuid'
import { characters } from '#shared/content'
import type { EnvelopeId, UserId } from '#shared/ids'
import { limits } from '#shared/limits'
import type { Commands } from '../bus/commands.ts'
import type { Db, OutboxRow } from '../db/db.ts'
import { sessionNow, type Sitting } from '../db/sessions.ts'
import type { Clock } from './clock.ts'
import { attempting, problemOf, type Problem } from './problem.ts'
import type { MessageItem, Quote } from './timeline.ts'
import { typingTeller } from './typing.ts'

/** A draft is safe this long after the last key (at most half a second). */
const draftSavedMs = 400
/** The counter shows when so many characters are left. */
const counterFrom = 200

/** What sending does: answers a message, or gives one of mine another text. */
export type Aim = { type: 'reply'; quote: Quote } | { type: 'edit'; id: EnvelopeId; text: string }

interface Surroundings {
  peer: UserId
  db: Db
  commands: Commands
  clock: Clock
  problem: Signal<Problem | null>
  charsMax: ReadonlySignal<number>
  mayWrite: ReadonlySignal<boolean>
  /** Does the person let others see that they type? */
  tellsTyping: ReadonlySignal<boolean>
  /** What the next message's session depends on. */
  session(): Sitting
  /** Files that go with what is written, which is their caption then; an edit leaves them where they are. */
  files: { isAny: ReadonlySignal<boolean>; send(caption: string): Promise<void> }
  /** A message of mine is on its way. */
  onSent(): Promise<void>
}

/** So much of the answered text goes along: it may not be there on the other side. */
const quoted = (text: string): string => [...text].slice(0, limits.quoteCharsMax).join('')

export function composing(around: Surroundings) {
  const { peer, db, commands, clock, problem, charsMax, mayWrite, tellsTyping, files } = around
  const attempt = attempting(problem)
  const draft = signal('')
  const aim = signal<Aim | null>(null)
  /** What was being written before an edit began; it comes back after it. */
  let setAside = ''

  const goesWithFiles = computed(() => files.isAny.value && aim.value?.type !== 'edit')
  const isCaption = computed(() => goesWithFiles.value && aim.value === null)
  const left = computed(() => {
    const max = isCaption.value ? limits.captionCharsMax : charsMax.value
    return max - characters(draft.value.trim())
  })
  const canSend = computed(
    () => (draft.value.trim() !== '' || goesWithFiles.value) && left.value >= 0 && mayWrite.value,
  )

  let cancelSaving: (() => void) | null = null
  const stopSaving = () => {
    cancelSaving?.()
    cancelSaving = null
  }
  const saveDraft = async () => {
    stopSaving()
    const text = aim.peek()?.type === 'edit' ? setAside : draft.peek()
    await attempt(() =>
      text === '' ? db.drafts.delete(peer) : db.drafts.put({ peer, text, at: clock.now() }),
    )
  }
  const typing = typingTeller(clock, (state) => {
    // Nobody misses a "typing" that could not be told.
    void commands.typing(peer, state).catch(() => {})
  })

  void restoreDraft()
  async function restoreDraft() {
    const saved = await db.drafts.get(peer).catch(() => undefined) // that the database fails is told elsewhere
    if (!saved) return
    if (aim.peek()?.type === 'edit') setAside ||= saved.text
    else if (draft.peek() === '') draft.value = saved.text
  }

  function type(text: string) {
    draft.value = text
    cancelSaving ??= clock.after(draftSavedMs, () => void saveDraft())
    if (mayWrite.peek() && tellsTyping.peek()) typing.changed(text)
  }

  /** Neither answering nor editing any more; what was written before an edit is back. */
  function dropAim() {
    if (aim.peek()?.type === 'edit') {
      draft.value = setAside
      setAside = ''
      typing.pause()
    }
    aim.value = null
  }

  function giveBack(text: string) {
    type([text, draft.peek()].filter((part) => part !== '').join('\n'))
  }

  /** Writes what goes out, and wakes who sends it. Whatever fails leaves nothing behind. */
  async function post(kind: OutboxRow['kind'], content: OutboxRow['content'], id = v7() as EnvelopeId) {
    await db.transaction('rw', db.outbox, db.drafts, async () => {
      await db.outbox.add({ id, peer, kind, content, at: clock.now() })
      if (kind === 'message') await db.drafts.delete(peer)
    })
    // The row is safe: a background that does not answer now finds it when it starts.
    await commands.nudge().catch(() => {})
  }

  async function sendEdit({ id, text: before }: Extract<Aim, { type: 'edit' }>, express: Express) {
    const typed = draft.value.trim()
    problem.value = null
    dropAim()
    const text = await express(typed)
    if (text !== before) await attempt(() => post('control', { type: 'edit', id, text }))
  }

  /** `express` makes the last touch to what was typed. */
  async function send(express: Express = (text) => text) {
    if (!canSend.value) return
    const aimed = aim.peek()
    if (aimed?.type === 'edit') return sendEdit(aimed, express)
    const typed = draft.value.trim()
    const now = clock.now()
    const id = v7() as EnvelopeId // before any wait: the order of ids is the order of messages
    const [hasFiles, areCaptioned] = [goesWithFiles.peek(), isCaption.peek()]
    stopSaving()
    problem.value = null
    draft.value = ''
    aim.value = null
    typing.sent()
    try {
      const reply = aimed && {
        reply: { from: aimed.quote.from, id: aimed.quote.id, text: quoted(aimed.quote.text ?? '') },
      }
      const text = typed === '' ? '' : await express(typed)
      if (text !== '' && !areCaptioned) {
        const session = sessionNow(around.session(), now)
        await post('message', { type: 'text', text, session, written: now, ...reply }, id)
      }
      if (hasFiles) {
        await db.drafts.delete(peer)
        void files.send(areCaptioned ? text : '')
      }
    } catch (error) {
      // Never lose what somebody typed: it goes back, before what was typed meanwhile.
      draft.value = [typed, draft.value].filter((part) => part !== '').join('\n')
      aim.value ??= aimed
      problem.value = problemOf(error)
      return
    }
    await around.onSent()
  }

  // A page that goes must not leave timers or a "typing" behind.
  effect(() => () => {
    typing.pause()
    if (cancelSaving) void saveDraft()
  })

  return {
    draft,
    aim,
    left,
    canSend,
    /** What is written goes with files. */
    isCaption,
    showsCounter: computed(() => left.value <= counterFrom),
    type,
    send,
    post,
    dropAim,
    reply({ key, from, id, direction, text, file }: MessageItem) {
      dropAim()
      aim.value = { type: 'reply', quote: { key, from, id, direction, text: text || (file?.name ?? text) } }
    },
    edit({ id, text }: MessageItem) {
      if (text === null) return
      if (aim.peek()?.type !== 'edit') setAside = draft.peek()
      draft.value = text
      aim.value = { type: 'edit', id, text }
    },
    /** What could not go out, before what has been typed since. */
    giveBack,
    /** The text of one that could not be sent. */
    takeBack({ text, quote }: MessageItem) {
      dropAim()
      giveBack(text ?? '')
      if (quote) aim.value = { type: 'reply', quote }
    },
    /** The window loses the person: what was typed is kept now, and nobody types any more. */
    async leave() {
      typing.pause()
      if (cancelSaving) await saveDraft()
    },
  }
}

export type Express = (text: string) => string | Promise<string>
