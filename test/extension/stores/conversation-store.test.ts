// First: Dexie looks for an IndexedDB while it is loaded.
import 'fake-indexeddb/auto'
import { signal } from '@preact/signals'
import { afterEach, expect, test } from 'vitest'
import type { EnvelopeId, UserId } from '#shared/ids'
import { limits } from '#shared/limits'
import type { Commands } from '../../../extension/bus/commands.ts'
import {
  openDb,
  type AccountRow,
  type ConversationRow,
  type Db,
  type MessageRow,
  type SessionRow,
} from '../../../extension/db/db.ts'
import { changed, settingsKey, type SettingsChange } from '../../../extension/db/settings.ts'
import { sessionNow } from '../../../extension/db/sessions.ts'
import { ConversationStore } from '../../../extension/stores/conversation-store.ts'
import { lateOf } from '../../../extension/stores/late-arrivals.ts'
import { keyOf, type MessageItem } from '../../../extension/stores/timeline.ts'
import { until } from '../../support/until.ts'

const now = 1_800_000_000_000
const hour = 60 * 60_000
const [alice, bob] = ['alice', 'bob'] as UserId[] as [UserId, UserId]
const clock = { now: () => now, seconds: signal(now), after: () => () => {} }

let count = 0
const open: { db: Db; store: ConversationStore }[] = []
afterEach(() => {
  for (const { db, store } of open.splice(0)) {
    store[Symbol.dispose]()
    db.close()
  }
})

const message = (id: string, rest: Partial<MessageRow> = {}): MessageRow => ({
  from: rest.direction === 'in' ? bob : alice,
  id: id as EnvelopeId,
  peer: bob,
  ts: now - 60_000,
  direction: 'out',
  kind: 'message',
  content: { type: 'text', text: id, session: 's' },
  state: 'stored',
  at: now - 60_000,
  ...rest,
})

interface Setting {
  messages?: MessageRow[]
  conversation?: Partial<ConversationRow>
  settings?: SettingsChange
}

/** A store over a real database, and a background that notes what it is asked and does nothing. */
async function start({ messages = [], conversation = {}, settings = {} }: Setting = {}) {
  const db = openDb(`parley conversation ${++count}`)
  await db.account.put({ key: 'me', user: alice } as AccountRow)
  await db.roster.put({ peer: bob, relation: 'buddies', muted: false, blocked: false, version: 1 })
  await db.settings.put({ key: settingsKey, value: changed({}, settings) })
  await db.conversations.put({
    peer: bob,
    readTs: 0,
    readSentTs: 0,
    delivered: 0,
    read: 0,
    except: [],
    unread: 0,
    ...conversation,
  })
  await db.messages.bulkPut(messages)
  const asked: unknown[] = []
  const commands = new Proxy({} as Commands, {
    get:
      (_, name) =>
      async (...args: unknown[]) =>
        void asked.push([name, ...args]),
  })
  const store = new ConversationStore(bob, db, commands, clock)
  open.push({ db, store })
  await until(async () => store.isReady.value)
  const items = () => store.items.value.filter((item): item is MessageItem => item.type === 'message')
  const item = (id: string) => items().find((one) => one.id === id)!
  const contents = async () =>
    (await db.outbox.orderBy('id').toArray()).map(({ kind, content }) => [kind, content])
  return { db, store, asked, items, item, contents }
}

test('an answer carries what it answers, cut to what may go along', async () => {
  const { store, item, contents } = await start({
    messages: [message('q', { direction: 'in', content: { type: 'text', text: 'x'.repeat(900) } })],
  })

  store.reply(item('q'))
  store.type('yes')
  await store.send()

  const [[kind, content]] = (await contents()) as [[string, { reply: { text: string } }]]
  expect([kind, content.reply]).toEqual([
    'message',
    { from: bob, id: 'q', text: 'x'.repeat(limits.quoteCharsMax) },
  ])
  expect(store.aim.value).toBeNull()
})

test('[R-26] an edit goes out as a change, shows at once, and gives the draft back', async () => {
  const { store, item, contents } = await start({ messages: [message('a')] })
  store.type('half a thought')

  expect(store.editLast()).toBe(true)
  expect(store.draft.value).toBe('a')
  store.type('better')
  await store.send()

  expect(await contents()).toEqual([['control', { type: 'edit', id: 'a', text: 'better' }]])
  expect(store.draft.value).toBe('half a thought')
  await until(async () => item('a').text === 'better')
})

test('[R-26] an edit that changes nothing sends nothing, and one that is dropped neither', async () => {
  const { store, item, contents } = await start({ messages: [message('a')] })

  store.edit(item('a'))
  await store.send()
  store.edit(item('a'))
  store.type('no, wait')
  store.dropAim()

  expect(await contents()).toEqual([])
  expect(store.draft.value).toBe('')
})

test('[R-26] [R-27] a day later nothing is edited, two days later nothing taken back, by the relay’s clock', async () => {
  const aged = (id: string, ageMs: number) => message(id, { ts: now - ageMs })
  const { store, item } = await start({
    messages: [
      aged('two days', limits.retractMs),
      aged('a day', limits.editMs),
      aged('less', limits.editMs - 1),
      message('theirs', { direction: 'in' }),
      message('failed', { state: 'failed', ts: now }),
    ],
  })

  const may = (id: string) => {
    const { edit, retract } = store.allowed(item(id))
    return { edit, retract }
  }
  expect(may('two days')).toEqual({ edit: false, retract: false })
  expect(may('a day')).toEqual({ edit: false, retract: true })
  expect(may('less')).toEqual({ edit: true, retract: true })
  expect(may('theirs')).toEqual({ edit: false, retract: false })
  expect(may('failed')).toEqual({ edit: false, retract: false })
})

test('the same picture again takes the reaction away', async () => {
  const { store, item, contents } = await start({ messages: [message('a', { direction: 'in' })] })

  await store.react(item('a'), '👍')
  await until(async () => item('a').reactions[0]?.isMine === true)
  await store.react(item('a'), '👍')

  const target = { from: bob, id: 'a' }
  expect(await contents()).toEqual([
    ['control', { type: 'reaction', target, emoji: '👍' }],
    ['control', { type: 'reaction', target, emoji: '' }],
  ])
  await until(async () => item('a').reactions.length === 0)
})

test('[R-18] the text of one that failed goes back to the composer, before what is there', async () => {
  const { store, item, asked } = await start({
    messages: [message('lost', { state: 'failed', failure: 'gone' })],
  })
  store.type('and more')

  await store.takeBack(item('lost'))

  expect(store.draft.value).toBe('lost\nand more')
  expect(asked).toContainEqual(['discard', 'lost'])
})

test('what is hidden takes no place on the page that is read', async () => {
  const hidden = Array.from({ length: 200 }, (_, at) =>
    message(`h${at}`, { ts: now - 1000 + at, removed: 'hidden', content: null }),
  )
  const { items } = await start({ messages: [message('a', { ts: now - 2000 }), ...hidden] })

  expect(items().map(({ id }) => id)).toEqual(['a'])
})

test('a message far up is loaded when somebody goes to it, and one that is not here says so', async () => {
  const { store, item } = await start({
    messages: Array.from({ length: 500 }, (_, at) => message(`m${at}`, { ts: now - 5000 + at })),
  })
  expect(item('m3')).toBeUndefined()

  expect(await store.reveal('alice m3')).toBe(true)
  await until(async () => item('m3') !== undefined)
  expect(await store.reveal('alice nowhere')).toBe(false)
})

test('[R-25] the dot goes when somebody comes, and not while they are here', async () => {
  const { db, store, asked } = await start({ conversation: { isMarked: true } })
  const clearings = () => asked.filter((command) => (command as string[])[0] === 'markUnread').length

  expect(clearings()).toBe(0)
  store.arrive()
  expect(clearings()).toBe(1)

  await db.conversations.update(bob, { isMarked: false })
  await until(async () => !store.isMarked.value)
  await db.conversations.update(bob, { isMarked: true })
  await until(async () => store.isMarked.value)
  expect(clearings()).toBe(1)
})

test('[R-30] who does not want it tells nobody that they type', async () => {
  const { store, asked } = await start({ settings: { typing: false } })

  store.type('hello')

  expect(asked).toEqual([])
})

test('the nickname is the name', async () => {
  const { store } = await start({ settings: { buddies: { bob: { nickname: 'Bobby' } } } })

  expect(store.name.value).toBe('Bobby')
})

const session = (rest: Partial<SessionRow> = {}): SessionRow => ({
  id: 's',
  by: bob,
  startTs: now - hour,
  lastTs: now - 1000,
  ...rest,
})
const ended = (by: UserId, how: 'left' | 'rejected') => session({ end: { by, how, ts: now - 500 } })

test.each<[string, SessionRow | undefined, boolean]>([
  ['goes on while it is open', session(), true],
  ['is over after an hour of quiet', session({ lastTs: now - hour }), false],
  ['is over when somebody has left', ended(bob, 'left'), false],
  ['goes on for whom the other one rejected', ended(bob, 'rejected'), true],
  ['begins anew for who rejected it', ended(alice, 'rejected'), false],
  ['begins with the first message', undefined, false],
])('[R-32] [R-35] a session %s', (_, known, goesOn) => {
  const id = sessionNow({ known, outbox: [], skew: 0, me: alice }, now)

  expect(id === 's').toBe(goesOn)
})

test('[R-32] two messages written one after the other are of one session', async () => {
  const { store, contents } = await start()

  store.type('one')
  await store.send()
  await until(async () => store.items.value.length > 0)
  store.type('two')
  await store.send()

  const sessions = ((await contents()) as [string, { session: string }][]).map(
    ([, content]) => content.session,
  )
  expect(sessions[0]).toBe(sessions[1])
})

test('[R-36] a session is copied and deleted as a whole, also what is not on the page', async () => {
  const messages = Array.from({ length: 100 }, (_, at) =>
    message(`m${at}`, { ts: now - 100_000 + at, direction: at % 2 ? 'in' : 'out' }),
  )
  const { store, asked } = await start({
    messages: [
      ...messages,
      message('other', { ts: now - 9 * hour, content: { type: 'text', text: 'other', session: 'r' } }),
    ],
  })
  store.showOlder()
  await until(async () => store.items.value.filter((item) => item.type === 'session').length === 2)
  const heading = store.items.value.findLast((item) => item.type === 'session')!

  const lines = await store.linesOf(heading)

  expect(lines.map(({ text }) => text)).toEqual(messages.map(({ id }) => id))
  await store.hideSession(heading)
  expect(asked).toContainEqual(['hide', bob, messages.map(({ from, id }) => ({ from, id }))])
})

test('[R-16] what comes in above what was seen is late; older ones that are asked for are not', () => {
  const rows = [message('older', { direction: 'in', ts: 5 }), message('late', { direction: 'in', ts: 20 })]
  const known = [message('a', { ts: 10 }), message('b', { direction: 'in', ts: 30 })]
  const all = [rows[0]!, known[0]!, rows[1]!, known[1]!, message('new', { direction: 'in', ts: 40 })]

  expect(lateOf(all, new Set(known.map(keyOf)), 10)).toEqual(['bob late'])
})
