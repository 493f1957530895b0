// First: Dexie looks for an IndexedDB while it is loaded.
import 'fake-indexeddb/auto'
import { signal } from '@preact/signals'
import { afterEach, expect, test } from 'vitest'
import type { OfferedFile } from '#shared/content'
import type { BlobId, EnvelopeId, UserId } from '#shared/ids'
import { limits } from '#shared/limits'
import type { Commands } from '../../../extension/bus/commands.ts'
import { fileKey, openDb, type AccountRow, type Db, type FileRow } from '../../../extension/db/db.ts'
import { changed, settingsKey } from '../../../extension/db/settings.ts'
import { fileItem, transferOf } from '../../../extension/stores/conversation-files.ts'
import { ConversationStore } from '../../../extension/stores/conversation-store.ts'
import { storage } from '../../../extension/stores/storage.ts'
import type { MessageItem } from '../../../extension/stores/timeline.ts'
import { until } from '../../support/until.ts'

const now = 1_800_000_000_000
const [alice, bob] = ['alice', 'bob'] as UserId[] as [UserId, UserId]
const clock = { now: () => now, seconds: signal(now), after: () => () => {} }
const offered: OfferedFile = {
  blob: 'AAAAAAAAAAAAAAAAAAAAAA' as BlobId,
  key: 'AGE-SECRET-KEY-PQ-1',
  sealedBytes: 3 * limits.partBytes,
  sha256: '',
  until: now,
  name: 'a\u202Egpj.exe',
  mime: 'image/png',
  bytes: 100,
  width: 40,
  height: 20,
}

let count = 0
const open: { db: Db; store: ConversationStore }[] = []
afterEach(() => {
  for (const { db, store } of open.splice(0)) {
    store[Symbol.dispose]()
    db.close()
  }
})

async function start() {
  const db = openDb(`parley conversation files ${++count}`)
  await db.account.put({ key: 'me', user: alice } as AccountRow)
  await db.roster.put({ peer: bob, relation: 'buddies', muted: false, blocked: false, version: 1 })
  await db.settings.put({ key: settingsKey, value: changed({}, {}) })
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
  const attach = (name: string, content = 'hello') => store.files.add([new File([content], name)])
  return { db, commands, store, asked, items, attach }
}

const row = (rest: Partial<FileRow> = {}): FileRow => ({
  key: 'bob 1',
  parts: 'p',
  peer: bob,
  direction: 'in',
  state: 'moving',
  file: offered,
  done: 1,
  at: now,
  usedAt: now,
  ...rest,
})

test('what is written with files is their caption, bound as captions are', async () => {
  const { store, attach, db } = await start()
  await attach('notes.txt')
  expect([store.isCaption.value, store.canSend.value]).toEqual([true, true])
  store.type('x'.repeat(limits.captionCharsMax + 1))
  expect([store.left.value, store.canSend.value]).toEqual([-1, false])
  store.type('look')

  await store.send()
  await until(async () => (await db.files.toArray())[0]?.state === 'queued')

  expect(await db.files.toArray()).toMatchObject([{ caption: 'look' }])
  expect([store.draft.value, await db.outbox.count(), await db.drafts.count()]).toEqual(['', 0, 0])
})

test('an answer goes by itself, and the files after it', async () => {
  const { store, attach, db } = await start()
  const answered = { from: bob, id: 'q' as EnvelopeId, peer: bob, direction: 'in', kind: 'message' } as const
  await db.messages.put({
    ...answered,
    ts: now,
    at: now,
    content: { type: 'text', text: 'Have you got it?' },
  })
  await until(async () => store.items.value.some((item) => item.type === 'message'))
  store.reply(store.items.value.find((item) => item.type === 'message')!)
  await attach('notes.txt')
  store.type('Here')
  expect(store.isCaption.value).toBe(false)

  await store.send()
  await until(async () => (await db.files.toArray())[0]?.state === 'queued')

  expect(await db.outbox.toArray()).toMatchObject([{ content: { type: 'text', text: 'Here' } }])
  expect(await db.files.toArray()).toMatchObject([{ caption: '' }])
})

test('an edit leaves the files where they are', async () => {
  const { store, attach, db } = await start()
  const mine = { from: alice, id: 'm' as EnvelopeId, peer: bob, direction: 'out', kind: 'message' } as const
  await db.messages.put({ ...mine, ts: now, at: now, state: 'stored', content: { type: 'text', text: 'a' } })
  await until(async () => store.items.value.some((item) => item.type === 'message'))
  await attach('notes.txt')
  store.edit(store.items.value.find((item) => item.type === 'message')!)
  store.type('b')

  await store.send()

  expect(await db.outbox.toArray()).toMatchObject([{ content: { type: 'edit', text: 'b' } }])
  expect(store.files.chips.value).toHaveLength(1)
})

test('[R-19] a file is in the log at once, stays there while it is sealed and sent, and becomes its message', async () => {
  const { store, attach, db, items } = await start()
  await attach('notes.txt')
  store.type('look')
  await store.send()
  expect(items()).toMatchObject([
    { isUnsent: true, tick: 'pending', text: 'look', file: { name: 'notes.txt' } },
  ])
  const { key } = items()[0]!
  await until(async () => store.files.transfers.value.get(key)?.state === 'queued')
  expect(items().map((item) => item.key)).toEqual([key])

  // As the background does it when it is at the relay.
  const id = 'e' as EnvelopeId
  await db.transaction('rw', db.files, db.messages, async () => {
    const { caption: _, ...sent } = (await db.files.get(key))!
    await db.files.delete(key)
    await db.files.put({ ...sent, key: fileKey(alice, id), state: 'here' })
    const content = { type: 'file' as const, file: { ...offered, ...sent.file } as OfferedFile, text: 'look' }
    const place = { from: alice, id, peer: bob, direction: 'out', kind: 'message' } as const
    await db.messages.put({ ...place, ts: now, at: now, state: 'stored', content })
  })

  await until(async () => items()[0]?.isUnsent === false)
  expect(items()).toMatchObject([{ key: fileKey(alice, id), tick: 'stored', text: 'look' }])
  expect(store.allowed(items()[0]!)).toMatchObject({ reply: true, react: true, edit: false, retract: true })
})

test('parts that move change what is known of the file, and leave the log as it is', async () => {
  const { store, db } = await start()
  await db.files.put(row())
  await until(async () => store.files.transfers.value.size === 1)
  const before = store.items.value

  await db.files.update('bob 1', { done: 2 })
  await until(async () => transferOf(store.files.transfers.value, 'bob 1').done === 2 * limits.partBytes)

  expect(transferOf(store.files.transfers.value, 'bob 1')).toMatchObject({ total: 3 * limits.partBytes })
  expect(store.items.value).toBe(before)
})

test('without a row a file is only offered', () => {
  expect(transferOf(new Map(), 'bob 1')).toMatchObject({ state: 'offered', isHere: false })
})

test('[R-40] room is kept only for pictures of a kind that is decoded, and a name is made safe', () => {
  expect(fileItem('bob 1', 'in', offered)).toMatchObject({
    name: 'a_gpj.exe',
    picture: { width: 40, height: 20 },
  })
  for (const mime of ['image/svg+xml', 'image/heic', 'text/html', ''])
    expect(fileItem('bob 1', 'in', { ...offered, mime }).picture).toBeNull()
})

test('what a person does with a file is asked of the background', async () => {
  const { store, asked, db } = await start()
  await db.files.put(row())

  await store.files.fetch('bob 1')
  await store.files.pause('bob 1')
  await store.files.decline('bob 1')
  await store.files.cancel('bob 1')

  const files = asked.filter((one) => (one as string[])[0] === 'file')
  expect(files.map((one) => (one as string[])[2])).toEqual(['fetch', 'pause', 'decline', 'cancel'])
})

test('everything that was shared is found again, the newest first, but for what was taken back', async () => {
  const { store, db } = await start()
  const said = (id: string, ts: number, rest = {}) => ({
    from: bob,
    id: id as EnvelopeId,
    peer: bob,
    ts,
    at: ts,
    direction: 'in' as const,
    kind: 'message' as const,
    content: { type: 'file' as const, file: { ...offered, name: id }, text: '' },
    ...rest,
  })
  await db.messages.bulkPut([
    said('old', now - 2),
    said('gone', now - 1, { content: null, removed: 'retracted' }),
    said('new', now),
    said('text', now, { content: { type: 'text', text: 'x' } }),
  ])

  expect((await store.shared()).map(({ file }) => file.name)).toEqual(['new', 'old'])
})

test('space is freed by conversation or all together, and what is on its way stays', async () => {
  const { db, commands, asked } = await start()
  const carol = 'carol' as UserId
  await db.files.bulkPut([
    row({ key: 'bob 1', state: 'here' }),
    row({ key: 'bob 2', state: 'moving' }),
    row({ key: 'carol 1', peer: carol, state: 'here' }),
  ])
  const { free } = storage(db, commands)
  const freed = () => asked.splice(0).map((one) => (one as string[])[1])
  freed()

  await free(bob)
  expect(freed()).toEqual(['bob 1'])
  await free()
  expect(freed()).toEqual(['bob 1', 'carol 1'])
})
