// First: Dexie looks for an IndexedDB while it is loaded.
import 'fake-indexeddb/auto'
import { signal } from '@preact/signals'
import { afterEach, expect, test } from 'vitest'
import type { ContentOf } from '#shared/content'
import type { EnvelopeId, UserId } from '#shared/ids'
import type { Commands } from '../../../extension/bus/commands.ts'
import { openDb, type AccountRow, type Db, type PromptRow, type RosterRow } from '../../../extension/db/db.ts'
import { changed, settingsKey, type SettingsChange } from '../../../extension/db/settings.ts'
import { PromptStore, type Asked } from '../../../extension/stores/prompt-store.ts'
import { saidWords } from '../../../extension/ui/said-words.ts'
import { until } from '../../support/until.ts'

const now = 1_800_000_000_000
const [alice, bob, carol] = ['alice', 'bob', 'carol'] as UserId[] as [UserId, UserId, UserId]
const clock = { now: () => now, seconds: signal(now), after: () => () => {} }

let count = 0
const open: { db: Db; store: PromptStore }[] = []
afterEach(() => {
  for (const { db, store } of open.splice(0)) {
    store[Symbol.dispose]()
    db.close()
  }
})

const prompt = (peer: UserId, rest: Partial<PromptRow> = {}): PromptRow => ({
  peer,
  session: `with ${peer}`,
  count: 1,
  text: 'hello',
  at: now,
  isFolded: false,
  ...rest,
})
const row = (peer: UserId, rest: Partial<RosterRow> = {}): RosterRow => ({
  peer,
  relation: 'buddies',
  muted: false,
  blocked: false,
  version: 1,
  ...rest,
})

interface Setting {
  prompts?: PromptRow[]
  roster?: RosterRow[]
  settings?: SettingsChange
  said?: [UserId, string | ContentOf<'file'>][]
}

/** A store over a real database, and a background that notes what it is asked and does nothing. */
async function start(asked: Partial<Asked> = {}, setting: Setting = {}) {
  const db = openDb(`parley ${++count}`)
  await db.account.put({ key: 'me', user: alice } as AccountRow)
  await db.roster.bulkPut(setting.roster ?? [row(bob), row(carol)])
  await db.prompts.bulkPut(setting.prompts ?? [])
  await db.settings.put({ key: settingsKey, value: changed({}, setting.settings ?? {}) })
  for (const [at, [peer, text]] of (setting.said ?? []).entries()) {
    await db.messages.put({
      from: peer,
      id: `id ${at}` as EnvelopeId,
      peer,
      ts: now - 1000 + at,
      direction: 'in',
      kind: 'message',
      content: typeof text === 'string' ? { type: 'text', text } : text,
      at: now,
    })
    const before = await db.conversations.get(peer)
    await db.conversations.put({
      peer,
      readTs: 0,
      readSentTs: 0,
      delivered: 0,
      read: 0,
      except: [],
      unread: (before?.unread ?? 0) + 1,
    })
  }
  const asks: unknown[][] = []
  const commands = new Proxy({} as Commands, {
    get:
      (_, name) =>
      async (...args: unknown[]) =>
        void asks.push([name, ...args]),
  })
  const store = new PromptStore(db, commands, clock, { peer: null, by: 'network', ...asked })
  open.push({ db, store })
  await until(async () => store.isReady.value, 'the store')
  return { db, store, asks }
}

const shows = (store: PromptStore, type: string | undefined, peer?: UserId) =>
  until(
    async () => store.current.value?.type === type && (!peer || store.current.value?.peer === peer),
    `${type} ${peer}`,
  )

test('[R-33] a window of the network asks about who waits, one after the other, and is over then', async () => {
  const { store, asks } = await start({}, { prompts: [prompt(bob), prompt(carol)] })

  expect(store.current.value).toMatchObject({ type: 'prompt', peer: bob })
  expect(store.others.value).toEqual([carol])
  await store.later()
  expect(store.current.value).toMatchObject({ type: 'prompt', peer: carol })
  await store.accept()

  expect(asks).toEqual([
    ['answer', bob, 'later'],
    ['answer', carol, 'accepted'],
  ])
  expect(store.isOver.value).toBe(true)
})

test('[R-33] what was answered on another device is gone here', async () => {
  const { db, store } = await start({}, { prompts: [prompt(bob)] })

  expect(store.isOver.value).toBe(false)

  await db.prompts.delete(bob)

  await until(async () => store.isOver.value)
})

test('a prompt that folds leaves a window of the network, but not under the hands of the person', async () => {
  const { db, store } = await start({}, { prompts: [prompt(bob), prompt(carol)] })

  await db.prompts.update(bob, { isFolded: true })
  await shows(store, 'prompt', carol)
  store.stay()
  await db.prompts.update(carol, { isFolded: true })
  await until(async () => store.others.value.length === 0)

  expect(store.current.value).toMatchObject({ type: 'prompt', peer: carol })
})

test('a folded prompt is shown to whoever asks for it', async () => {
  const { store } = await start({ peer: bob, by: 'user' }, { prompts: [prompt(bob, { isFolded: true })] })

  expect(store.current.value).toMatchObject({ type: 'prompt', peer: bob })
})

test('whoever is shown stays there while others come', async () => {
  const { db, store } = await start({}, { prompts: [prompt(carol)] })
  await shows(store, 'prompt', carol)

  await db.prompts.put(prompt(bob))
  await until(async () => store.others.value.length === 1)

  expect(store.current.value?.peer).toBe(carol)
})

test('[R-13] a knock shows who it is and what they say, and nothing of it is answered by being closed', async () => {
  const stranger = 'b0b' as UserId
  const { store, asks } = await start(
    { peer: stranger, by: 'user' },
    {
      roster: [
        row(bob),
        row(stranger, {
          relation: 'asked',
          knock: { text: 'hi', at: 1, reason: '2 minutes?', page: 'https://example.org', name: 'Bob' },
        }),
      ],
    },
  )

  expect(store.current.value).toMatchObject({
    type: 'knock',
    text: 'hi',
    reason: '2 minutes?',
    page: 'https://example.org',
    chosenName: 'Bob',
    looksLike: bob,
  })
  await store.later()
  expect(store.isOver.value).toBe(true)
  expect(asks).toEqual([])
})

test.each([
  ['accept', ['accept', 'b0b']],
  ['reject', ['roster', 'b0b', 'reject']],
  ['rejectAndBlock', ['roster', 'b0b', 'block']],
] as const)('[R-13] a knock is answered by %s', async (answer, asked) => {
  const stranger = 'b0b' as UserId
  const { store, asks } = await start(
    { peer: stranger, by: 'user' },
    { roster: [row(stranger, { relation: 'asked' })] },
  )

  await store[answer]()

  expect(asks).toEqual([asked])
  expect(store.isOver.value).toBe(true)
})

test('a rejection may say why', async () => {
  const { store, asks } = await start({}, { prompts: [prompt(bob)] })

  await store.reject('  Later today ')

  expect(asks).toEqual([['answer', bob, 'rejected', 'Later today']])
})

test('[R-33] an answer in the prompt goes into the session that is asked about', async () => {
  const { db, store, asks } = await start({}, { prompts: [prompt(bob)], said: [[bob, 'hello']] })
  await db.conversations.update(bob, { session: { id: 's1', by: bob, startTs: now - 5, lastTs: now - 5 } })
  await until(async () => store.lines.value?.length === 1)

  store.text.value = ' hi '
  await store.send()

  const [sent] = await db.outbox.toArray()
  expect(sent).toMatchObject({
    peer: bob,
    kind: 'message',
    content: { type: 'text', text: 'hi', session: 's1' },
  })
  // What was shown counts as read.
  expect(asks.map(([name]) => name).toSorted()).toEqual(['nudge', 'read'])
  expect(store.isOver.value).toBe(true)
})

test('[R-32] a line after an hour of quiet begins a new session', async () => {
  const { db, store } = await start({ peer: bob, by: 'user' }, { said: [[bob, 'hello']] })
  const longAgo = now - 61 * 60_000
  await db.conversations.update(bob, { session: { id: 's1', by: bob, startTs: longAgo, lastTs: longAgo } })

  store.text.value = 'hi'
  await store.send()

  const [sent] = await db.outbox.toArray()
  expect(sent!.content).toMatchObject({ session: expect.stringMatching(/^[0-9a-f-]{36}$/) })
})

test('[R-24] nothing is read that was not to be seen', async () => {
  const { store, asks } = await start(
    { peer: bob, by: 'user' },
    { said: [[bob, 'hello']], settings: { preview: 'name' } },
  )
  expect(store.lines.value).toBe(null)

  store.text.value = 'hi'
  await store.send()

  expect(asks).toEqual([['nudge']])
})

test('the prompt shows the words only to those who want that', async () => {
  const { store } = await start(
    {},
    { prompts: [prompt(bob)], said: [[bob, 'secret']], settings: { promptText: false } },
  )

  await shows(store, 'prompt', bob)

  expect(store.lines.value).toBe(null)
})

test('a line to a buddy shows the unread messages, oldest first, and what was taken back not at all', async () => {
  const { db, store } = await start(
    { peer: bob, by: 'user' },
    {
      said: [
        [bob, 'one'],
        [bob, 'two'],
        [bob, 'three'],
      ],
    },
  )

  await db.messages.update([bob, 'id 1' as EnvelopeId], { removed: 'retracted', content: null })

  await until(async () => store.lines.value?.length === 2)
  expect(store.lines.value!.map(({ text }) => text)).toEqual(['one', 'three'])
})

test('what is being written survives that another device has answered', async () => {
  const { db, store } = await start({ peer: bob, by: 'user' }, { prompts: [prompt(bob)] })
  store.mode.value = 'replying'
  store.text.value = 'half a sent'

  await db.prompts.delete(bob)
  await shows(store, 'line', bob)

  expect(store.text.value).toBe('half a sent')
})

test('nothing can be sent that is too long, or nothing', async () => {
  const { db, store } = await start({ peer: bob, by: 'user' })

  await store.send()
  store.text.value = 'x'.repeat(4001)
  await store.send()

  expect(store.tooLongBy.value).toBe(1)
  expect(await db.outbox.count()).toBe(0)
})

test('closing the window says "not now" to everybody in it', async () => {
  const { store, asks } = await start({}, { prompts: [prompt(bob), prompt(carol)] })

  store.putAway()

  expect(asks).toEqual([
    ['answer', bob, 'later'],
    ['answer', carol, 'later'],
  ])
})

test('an answer that fails is told and can be given again', async () => {
  const { db, store } = await start({}, { prompts: [prompt(bob)] })
  db.close()
  store.text.value = 'hi'

  await store.send()

  expect(store.problem.value?.code).toBe('database')
  expect(store.current.value).toMatchObject({ type: 'prompt', peer: bob })
  expect(store.text.value).toBe('hi')
})

test('a file stands there by what it is', async () => {
  const file = (name: string, mime: string, text = '') =>
    ({ type: 'file', file: { name, mime }, text }) as ContentOf<'file'>
  const { store } = await start(
    {},
    {
      prompts: [prompt(bob)],
      said: [
        [bob, file('sea.png', 'image/png')],
        [bob, file('a\u202Egpj.exe', '')],
        [bob, file('b.txt', 'text/plain', 'look')],
      ],
    },
  )

  await until(async () => store.lines.value?.length === 3)

  expect(store.lines.value!.map(saidWords)).toEqual(['Photo', 'File: \u2068a_gpj.exe\u2069', 'look'])
})
