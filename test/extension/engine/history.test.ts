/** History on a device that comes later: whole engines against a real relay. */
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import type { SealedSegment } from '#shared/archive'
import type { ServerFrame } from '#shared/frames'
import type { EnvelopeId, UserId } from '#shared/ids'
import { randomSeed } from '../../../extension/crypto/identity.ts'
import type { MessageRow } from '../../../extension/db/db.ts'
import { buddies, headless, type Headless, type HeadlessOptions } from '../../support/headless.ts'
import { spawnRelay, type RelayProcess } from '../../support/processes.ts'
import { archiveTap, haveSaid, isArchived, isRestored, lyingRelay, oldId } from './archived.ts'

const env = { PARLEY_POW_BITS: '2', PARLEY_REGISTRATIONS_PER_DAY: '1000' }
let relay: RelayProcess
beforeAll(async () => {
  relay = await spawnRelay({ env })
}, 40_000)
afterAll(() => relay.stop())

const root = randomSeed()
const archiveWhen = { rows: 20, quietMs: 100 }
const person = (name: string, options: HeadlessOptions = {}) =>
  headless(relay.url, name, { root, random: () => 0, archiveWhen, ...options })
/** One more browser of somebody who was here before. */
const secondBrowser = (name: string, options: HeadlessOptions = {}) =>
  person(name, { existing: true, ...options })

let number = 0
/** Somebody with a history, all of it in the archive. */
async function withHistory(count: number, options: HeadlessOptions = {}) {
  const alice = await person(`old.${++number}`, options)
  const rows = await haveSaid(alice, 'bob', count)
  await alice.ring()
  await alice.until(() => isArchived(alice), 'put away')
  return { alice, rows }
}
const plain = ({ from, id, ts, content, removed }: MessageRow) => ({ from, id, ts, content, removed })
const stop = (...all: Headless[]) => Promise.all(all.map((one) => one.stop()))

test('a new device brings what was said, with its changes, and opens what is still in the log', async () => {
  const [alice, bob] = await buddies(relay.url, 'alice.hist', 'bob.hist', { root, archiveWhen })
  const texts = Array.from({ length: 24 }, (_, n) => `message ${n}`)
  const ids: EnvelopeId[] = []
  for (const text of texts) ids.push(await bob.send('alice.hist', text))
  await alice.until(async () => (await alice.textsWith('bob.hist')).length === 24, 'has all')
  await bob.say('alice.hist', { type: 'edit', id: ids[3]!, text: 'edited' })
  await bob.say('alice.hist', { type: 'retract', id: ids[4]! })
  await bob.say('alice.hist', { type: 'reaction', target: { from: bob.name, id: ids[6]! }, emoji: '👍' })
  await alice.commands.hide('bob.hist' as UserId, [{ from: bob.name, id: ids[5]! }])
  await alice.commands.markUnread('bob.hist' as UserId, true)
  const expected = texts.map((text, n) => (n === 3 ? 'edited' : text)).filter((_, n) => n !== 4 && n !== 5)
  await alice.until(async () => (await alice.textsWith('bob.hist')).length === 22, 'has the changes')
  await alice.commands.read('bob.hist' as UserId, (await alice.history('bob.hist')).at(-3)!.ts)
  await alice.until(async () => {
    const { markedTs, readTs, readSentTs } = (await alice.db.conversations.get(bob.name))!
    return markedTs !== undefined && readSentTs === readTs
  }, 'the room has it all')

  await alice.commands.signOut()
  await bob.send('alice.hist', 'in the tail')
  const phone = await headless(relay.url, 'alice.hist', { existing: true, root })
  await phone.until(() => isRestored(phone), 'restored')
  await phone.until(async () => (await phone.textsWith('bob.hist')).includes('in the tail'), 'opens the tail')

  expect(await phone.textsWith('bob.hist')).toEqual([...expected, 'in the tail'])
  expect((await phone.db.messages.get([bob.name, ids[6]!]))!.reactions).toMatchObject({
    'bob.hist': { emoji: '👍' },
  })
  expect((await phone.db.cursor.get('cursor'))!.seq).toBeGreaterThan(24)
  expect(await phone.db.messages.where('waits').equals(1).count()).toBe(0)
  // Two were unread, and the one that came since; the dot was set by hand.
  expect(await phone.db.conversations.get('bob.hist' as UserId)).toMatchObject({
    unread: 3,
    isMarked: true,
    last: { text: 'in the tail' },
  })
  await stop(alice, bob, phone)
})

test('1,000 messages that no log holds come back newest first; without a connection the rest waits', async () => {
  const { alice, rows } = await withHistory(1000, { archiveWhen: { rows: 200, quietMs: 100 } })
  let segments = 0
  let isCut = false
  const heard = (frame: ServerFrame) => (frame.type === 'segment' && ++segments > 2 && isCut ? null : frame)
  isCut = true
  const phone = await secondBrowser(alice.name, { WebSocket: lyingRelay(heard) })
  const count = () => phone.db.messages.count()
  await phone.until(async () => (await count()) === 400, 'the newest are here')

  expect((await phone.history('bob')).map(plain)).toEqual(rows.slice(-400).map(plain))
  expect(await phone.db.status.get('restore')).toMatchObject({ done: 2, total: 5 })
  expect((await phone.db.conversations.get('bob' as UserId))!.last!.id).toBe(rows.at(-1)!.id)

  isCut = false
  await phone.restart()
  await phone.until(() => isRestored(phone), 'restored')

  expect((await phone.history('bob')).map(plain)).toEqual(rows.map(plain))
  expect(await phone.unread('bob')).toBe(500)
  await stop(alice, phone)
})

test.each<[string, (segment: SealedSegment, other: SealedSegment | undefined) => SealedSegment]>([
  ['changed by a bit', (one) => ({ ...one, ct: `${one.ct[0] === 'A' ? 'B' : 'A'}${one.ct.slice(1)}` })],
  ['another one than asked for', (one, other) => ({ ...(other ?? one), segId: 'A'.repeat(22) })],
  [
    'another one under its id',
    (one, other) => ({ ...one, ct: other?.ct ?? 'AAAA', iv: other?.iv ?? one.iv }),
  ],
  ['under a key that nobody has', (one) => ({ ...one, e: 99 })],
  ['of another time', (one) => ({ ...one, fromTs: one.fromTs + 1 })],
])('a segment that is %s costs what is in it, and is told', async (_, change) => {
  vi.spyOn(console, 'warn').mockImplementation(() => {})
  const { alice, rows } = await withHistory(60)
  let first: SealedSegment | undefined
  let wrong = ''
  const phone = await secondBrowser(alice.name, {
    WebSocket: lyingRelay((frame) => {
      if (frame.type !== 'segment') return frame
      first ??= frame.segment
      if (frame.segment.segId !== first.segId) wrong ||= frame.segment.segId
      return frame.segment.segId === wrong ? { ...frame, segment: change(frame.segment, first) } : frame
    }),
  })
  await phone.until(() => isRestored(phone), 'restored')

  expect((await phone.history('bob')).map(plain)).toEqual(
    [...rows.slice(0, 20), ...rows.slice(40)].map(plain),
  )
  expect(await phone.db.status.get('archive')).toMatchObject({ problem: 'unreadable' })
  vi.restoreAllMocks()
  await stop(alice, phone)
})

test('segments of another account are nothing, and those that were listed twice or backwards are there once', async () => {
  vi.spyOn(console, 'warn').mockImplementation(() => {})
  const [{ alice, rows }, other] = [await withHistory(40), await withHistory(20)]
  let foreign: SealedSegment | undefined
  const spy = await secondBrowser(other.alice.name, {
    WebSocket: lyingRelay((frame) => {
      if (frame.type === 'segment') foreign ??= frame.segment
      return frame
    }),
  })
  await spy.until(() => isRestored(spy), 'restored')
  const phone = await secondBrowser(alice.name, {
    WebSocket: lyingRelay((frame) => {
      if (frame.type === 'segments') {
        const { ct, ...head } = foreign!
        const all = [...frame.segments.toReversed(), ...frame.segments, { ...head, chars: ct.length }]
        return { ...frame, segments: all }
      }
      const isForeign = frame.type === 'error' && frame.code === 'item-not-found'
      return isForeign ? { type: 'segment', request: frame.request!, segment: foreign! } : frame
    }),
  })
  await phone.until(() => isRestored(phone), 'restored')

  expect((await phone.history('bob')).map(plain)).toEqual(rows.map(plain))
  vi.restoreAllMocks()
  await stop(alice, other.alice, spy, phone)
})

test('put together anew while another device reads it, nothing of it is missed', async () => {
  const { alice, rows } = await withHistory(100, { archiveWhen: { rows: 10, quietMs: 100 } })
  await alice.db.settings.put({ key: 'archive-tidied', value: 0 })
  let held = false
  const phone = await secondBrowser(alice.name, {
    WebSocket: lyingRelay((frame) => {
      if (frame.type !== 'segment' || held) return frame
      held = true
      return null // the answer is lost; what was asked for comes with the next connection
    }),
  })
  await phone.until(() => held, 'has read the index')
  await haveSaid(alice, 'bob', 1, 100)
  alice.be('idle')
  alice.be('active') // so that this one leads
  await alice.ring()
  await alice.until(() => isArchived(alice), 'put away')
  const before = (await phone.db.status.get('restore')) as { total: number }
  await alice.until(async () => (await alice.db.settings.get('archive-tidied'))!.value !== 0, 'put together')
  await phone.restart()
  await phone.until(() => isRestored(phone), 'restored')

  expect(before.total).toBeGreaterThanOrEqual(10)
  expect((await phone.history('bob')).slice(0, 100).map(plain)).toEqual(rows.map(plain))
  expect(await phone.db.status.get('archive')).toBeUndefined()
  await stop(alice, phone)
})

test('what was taken back or hidden is emptied in the archive, too', async () => {
  const tap = archiveTap()
  const [alice, bob] = await buddies(relay.url, 'alice.gone', 'bob.gone', {
    root,
    archiveWhen,
    WebSocket: tap.WebSocket,
  })
  const ids = [await bob.send('alice.gone', 'stays'), await bob.send('alice.gone', 'taken back')]
  ids.push(await bob.send('alice.gone', 'not for me'))
  await bob.say('alice.gone', { type: 'edit', id: ids[1]!, text: 'changed before' })
  const isInside = async (text: string) => JSON.stringify(await tap.inside(alice)).includes(text)
  await alice.until(async () => (await isInside('changed before')) && isInside('not for me'), 'archived')

  await bob.say('alice.gone', { type: 'retract', id: ids[1]! })
  await alice.commands.hide(bob.name, [{ from: bob.name, id: ids[2]! }])
  await alice.until(async () => !(await isInside('not for me')) && !(await isInside('taken back')), 'emptied')

  expect([await isInside('stays'), await isInside('changed before')]).toEqual([true, false])
  await alice.commands.signOut()
  const phone = await secondBrowser('alice.gone')
  await phone.until(() => isRestored(phone), 'restored')
  expect(
    (await phone.history('bob.gone')).slice(-3).map(({ content, removed }) => [content, removed]),
  ).toEqual([
    [expect.objectContaining({ text: 'stays' }), undefined],
    [null, 'retracted'],
    [null, 'hidden'],
  ])
  await stop(alice, bob, phone)
})

test('with history off, a new device starts empty; on again, what the old one has is put there', async () => {
  const { alice, rows } = await withHistory(40)
  await alice.commands.changeSettings({ keepsHistory: false })
  const kept = async () =>
    ((await alice.db.settings.get('archive-kept'))?.value as { all: boolean } | undefined)?.all
  await alice.until(async () => (await kept()) === false, 'nothing is kept')
  const empty = await secondBrowser(alice.name)
  await empty.until(() => isRestored(empty), 'restored')
  expect(await empty.history('bob')).toEqual([])
  await empty.stop()

  await alice.commands.changeSettings({ keepsHistory: true })
  await alice.until(async () => (await kept()) === true && isArchived(alice), 'kept again')
  const full = await secondBrowser(alice.name)
  await full.until(() => isRestored(full), 'restored')
  expect((await full.history('bob')).map(plain)).toEqual(rows.map(plain))
  await stop(alice, full)
})

test('a conversation that is left out goes from the archive, and only it; a relay that kept it brings nothing back', async () => {
  const tap = archiveTap()
  const { alice } = await withHistory(40, { WebSocket: tap.WebSocket })
  const carols = await haveSaid(alice, 'carol', 10, 500)
  await alice.ring()
  await alice.until(() => isArchived(alice), 'put away')
  const before = new Map(tap.put.map(({ segment }) => [segment.segId, segment]))

  await alice.commands.changeSettings({ buddies: { bob: { keepsHistory: false } } })
  await alice.until(async () => (await tap.inside(alice)).every(({ peer }) => peer !== 'bob'), 'is left out')
  await haveSaid(alice, 'bob', 1, 700)
  await alice.ring()
  await alice.until(() => isArchived(alice), 'put away')
  const inside = await tap.inside(alice)
  const phone = await secondBrowser(alice.name, {
    WebSocket: lyingRelay((frame) => {
      if (frame.type === 'segments') {
        const all = [...before.values()].map(({ ct, ...head }) => ({ ...head, chars: ct.length }))
        return { ...frame, segments: [...frame.segments, ...all] }
      }
      if (frame.type !== 'error' || frame.code !== 'item-not-found') return frame
      const segment = [...before.values()][0]!
      before.delete(segment.segId)
      return { type: 'segment', request: frame.request!, segment }
    }),
  })
  await phone.until(() => isRestored(phone), 'restored')

  expect(inside.filter(({ type }) => type === 'messages').map(({ id }) => id)).toEqual(
    carols.map(({ id }) => id),
  )
  expect((await phone.history('carol')).map(plain)).toEqual(carols.map(plain))
  expect(await phone.history('bob')).toEqual([])
  await stop(alice, phone)
})

test('who keeps no history with somebody is sealed for without a mailbox, by both; and with it again', async () => {
  const [alice, bob] = await buddies(relay.url, 'alice.mls', 'bob.mls', { root, archiveWhen })
  const mailboxes = async ({ db }: Headless, peer: string) =>
    (await db.ratchetsOut.get(peer as UserId))?.mailboxes
  const exchange = async (text: string) => {
    await alice.send('bob.mls', text)
    await bob.until(async () => (await bob.textsWith('alice.mls')).includes(text), `has ${text}`)
    await bob.send('alice.mls', `to ${text}`)
    await alice.until(async () => (await alice.textsWith('bob.mls')).includes(`to ${text}`), `has an answer`)
    return [await mailboxes(alice, 'bob.mls'), await mailboxes(bob, 'alice.mls')]
  }
  const at = { own: true, peer: true }

  const first = await exchange('with')
  await alice.commands.changeSettings({ buddies: { 'bob.mls': { keepsHistory: false } } })
  const second = await exchange('without')
  await alice.commands.changeSettings({ buddies: { 'bob.mls': { keepsHistory: null } } })
  const third = await exchange('with again')

  expect(first).toEqual([at, at])
  expect(second).toEqual([
    { own: false, peer: true },
    { own: true, peer: false },
  ])
  expect(third).toEqual([at, at])
  await stop(alice, bob)
})

test('a new device begins without a conversation that is not kept, and shows nothing of it that waits', async () => {
  vi.spyOn(console, 'warn').mockImplementation(() => {})
  const [alice, bob] = await buddies(relay.url, 'alice.new', 'bob.new', { root })
  await alice.commands.changeSettings({ buddies: { 'bob.new': { keepsHistory: false } } })
  await alice.send('bob.new', 'before')
  await bob.until(async () => (await bob.textsWith('alice.new')).includes('before'), 'has it')
  await bob.send('alice.new', 'before, too')
  await alice.until(async () => (await alice.textsWith('bob.new')).length === 2, 'has both')

  const phone = await secondBrowser('alice.new')
  await phone.until(() => isRestored(phone), 'restored')
  await bob.send('alice.new', 'after')
  await phone.until(async () => (await phone.textsWith('bob.new')).includes('after'), 'reads what is new')

  expect(await phone.textsWith('bob.new')).toEqual(['after'])
  expect(await phone.db.messages.where('waits').equals(1).count()).toBe(0)
  vi.restoreAllMocks()
  await stop(alice, bob, phone)
})

test('a full archive is told, and what did not fit goes there once there is room', async () => {
  vi.spyOn(console, 'warn').mockImplementation(() => {})
  let isFull = true
  let tries = 0
  const refused = new Set<string>()
  const line = lyingRelay(
    (frame) =>
      frame.type === 'error' && refused.has(frame.request ?? '')
        ? { ...frame, code: 'resource-constraint' }
        : frame,
    (text) => {
      const frame = JSON.parse(text) as { type: string; request: string }
      if (frame.type !== 'archive' || !isFull) return text
      tries++
      refused.add(frame.request)
      // Something that is refused, so that nothing is stored.
      return JSON.stringify({ type: 'segment', request: frame.request, segId: oldSegment })
    },
  )
  const alice = await person('alice.full', { WebSocket: line })
  const rows = await haveSaid(alice, 'bob', 30)
  await alice.ring()
  const problem = async () =>
    ((await alice.db.status.get('archive')) as { problem: string } | undefined)?.problem
  await alice.until(async () => (await problem()) === 'full', 'full')
  const triesBefore = tries
  for (let n = 0; n < 5; n++) {
    const seq = (await alice.db.cursor.get('cursor'))!.seq
    await alice.commands.markUnread('bob' as UserId, n % 2 === 0) // an entry of the log: it looks whether it is time
    await alice.until(async () => (await alice.db.cursor.get('cursor'))!.seq > seq, 'noted')
  }
  isFull = false
  expect([tries, await isArchived(alice)]).toEqual([triesBefore, false])

  // What is left out makes room, and so does time.
  await alice.commands.changeSettings({ buddies: { carol: { keepsHistory: false } } })
  await alice.until(() => isArchived(alice), 'put away')
  expect(await problem()).toBeUndefined()
  const phone = await secondBrowser('alice.full')
  await phone.until(() => isRestored(phone), 'restored')
  expect((await phone.history('bob')).map(plain)).toEqual(rows.map(plain))
  vi.restoreAllMocks()
  await stop(alice, phone)
})
const oldSegment = 'A'.repeat(22)

test('a relay that knows no archives is told as such, and nothing waits for one', async () => {
  const { alice } = await withHistory(20)
  const WebSocket = lyingRelay((frame) => {
    if (frame.type !== 'welcome') return frame
    const { archived: _, ...old } = frame
    return old
  })
  const phone = await secondBrowser(alice.name, { WebSocket })

  expect(await phone.db.status.get('archive')).toMatchObject({ problem: 'unsupported' })
  expect(await phone.db.status.get('restore')).toBeUndefined()
  await stop(alice, phone)
})

test('rows that no gzip of 8 MB holds are put away in several segments', async () => {
  const alice = await person('alice.large')
  const rows = await haveSaid(alice, 'bob', 12)
  await alice.ring()
  await alice.until(() => isArchived(alice), 'put away')
  const before = Array.from({ length: 20 }, (_, n) => ({
    text: `${n}`.padEnd(50_000, 'so many words '),
    ts: n,
  }))
  const edited = (ts: number) => ({ id: oldId(9999), ts, before })
  await alice.db.messages.bulkPut(rows.map((row) => ({ ...row, edited: edited(row.ts + 1), unarchived: 1 })))
  await alice.ring()
  await alice.until(() => isArchived(alice), 'put away')
  const phone = await secondBrowser('alice.large')
  await phone.until(() => isRestored(phone), 'restored')

  expect((await phone.history('bob')).map(plain)).toEqual(rows.map(plain))
  await stop(alice, phone)
})
