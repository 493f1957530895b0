/** Entries of the log, applied by hand. */
import { v7 } from 'uuid'
import { expect, test } from 'vitest'
import type { Entry, EntryOf, ServerFrameOf, Snapshot } from '#shared/frames'
import type { EnvelopeId, Epoch, UserId } from '#shared/ids'
import { messagesOf } from '../../../extension/db/conversations.ts'
import { pendingTs } from '../../../extension/db/db.ts'
import { applyEntries, GapError, pushAgain, startOver } from '../../../extension/engine/inbox.ts'
import { alice, bob, carol, memoryEngine } from './memory.ts'
import { payloadOf, plainOpener } from './plain.ts'

const epoch = '001800000000000-00000001' as Epoch
const later = '001800000000001-00000001' as Epoch

type Fields<E> = E extends unknown ? Omit<E, 'seq' | 'mark'> : never
/** Entries in a row, from `seq` on. */
const log = (seq: number, ...fields: Fields<Entry>[]): Entry[] =>
  fields.map((one, i) => ({ ...one, seq: seq + i, mark: 1000 + seq + i }) as Entry)

const message = (
  text: string,
  ts: number,
  change: Partial<Fields<EntryOf<'message'>>> = {},
): Fields<EntryOf<'message'>> => ({
  type: 'message',
  peer: bob,
  direction: 'in',
  id: v7() as EnvelopeId,
  ts,
  kind: 'message',
  payload: payloadOf({ type: 'text', text }),
  ...change,
})
const roster = (peer: UserId, version: number, change: Partial<Fields<EntryOf<'roster'>>> = {}) =>
  ({ type: 'roster', peer, relation: 'buddies', muted: false, blocked: false, version, ...change }) as const

const nothing: Snapshot = {
  roster: [],
  reads: [],
  receipts: [],
  devices: { version: 1, hash: '' },
  policy: { reach: 'everyone', invite: null, reads: true },
}
const welcomeBack = (change: Partial<ServerFrameOf<'welcome'>> = {}) =>
  ({ epoch: later, from: 0, resync: 'epoch', snapshot: nothing, ...change }) as ServerFrameOf<'welcome'>

const openSettings = async () => null

async function inbox() {
  const me = memoryEngine()
  await me.db.cursor.put({ key: 'cursor', epoch, seq: 0, mark: 0 })
  return {
    ...me,
    apply: (entries: Entry[], { late = false, of = epoch } = {}) =>
      applyEntries(me.signed, entries, {
        epoch: of,
        now: me.now(),
        late,
        opener: plainOpener(),
        openSettings,
      }),
    cursor: () => me.db.cursor.get('cursor'),
    async texts(peer = bob) {
      const rows = await messagesOf(me.db, peer)
      return rows.map(({ content }) => (content?.type === 'text' ? content.text : null))
    },
  }
}

test('[R-16] messages are shown in the order of their rooms’ clocks, then of who wrote them', async () => {
  const { apply, texts } = await inbox()
  await apply(
    log(
      1,
      message('three', 30),
      message('one', 10),
      message('mine at twenty', 20, { direction: 'out' }),
      message('two', 20),
    ),
  )

  expect(await texts()).toEqual(['one', 'mine at twenty', 'two', 'three'])
})

test('[R-17] entries are applied once, and the cursor says how far', async () => {
  const { apply, texts, cursor } = await inbox()
  const entries = log(1, message('one', 1), message('two', 2))
  const first = await apply(entries)
  const again = await apply([...entries, ...log(3, message('three', 3))])

  expect(first.incoming.map(({ text }) => text)).toEqual(['one', 'two'])
  expect(again.incoming.map(({ text }) => text)).toEqual(['three'])
  expect(await texts()).toEqual(['one', 'two', 'three'])
  expect(await cursor()).toMatchObject({ epoch, seq: 3, mark: 1003 })
})

test('[R-17] over a gap nothing is applied at all', async () => {
  const { apply, texts, cursor } = await inbox()
  const gap = apply([...log(1, message('one', 1)), ...log(3, message('three', 3))])

  await expect(gap).rejects.toBeInstanceOf(GapError)
  expect(await texts()).toEqual([])
  expect(await cursor()).toMatchObject({ seq: 0 })
})

test('[R-17] entries without a beginning are a gap', async () => {
  const { apply, db } = await inbox()
  await db.cursor.clear()

  await expect(apply(log(1, message('one', 1)))).rejects.toBeInstanceOf(GapError)
})

test('[R-22] unread is counted with what changes it', async () => {
  const { apply, db } = await inbox()
  const unread = async () => (await db.conversations.get(bob))?.unread
  await apply(log(1, message('one', 1), message('two', 2), message('control', 3, { kind: 'control' })))
  expect(await unread()).toBe(2)
  await apply(log(4, message('mine', 4, { direction: 'out' })))
  expect(await unread()).toBe(2)
  const halfway = await apply(log(5, { type: 'read', peer: bob, ts: 1 }))
  expect([await unread(), halfway.cleared]).toEqual([1, []])
  const read = await apply(log(6, { type: 'read', peer: bob, ts: 2 }))
  expect([await unread(), read.cleared]).toEqual([0, [bob]])
})

test('[R-24] a read mark goes forward only', async () => {
  const { apply, db } = await inbox()
  await apply(log(1, { type: 'read', peer: bob, ts: 5 }, { type: 'read', peer: bob, ts: 3 }))

  expect(await db.conversations.get(bob)).toMatchObject({ readTs: 5, readSentTs: 5 })
})

test('[R-17] the same message twice, as after a restore, is one at the earlier place, and no news', async () => {
  const { apply, texts } = await inbox()
  const one = message('one', 10)
  await apply(log(1, one, message('two', 15)))
  const again = await apply(log(3, { ...one, ts: 20 }, message('three', 30)))

  expect(await texts()).toEqual(['one', 'two', 'three'])
  expect(again.incoming.map(({ text }) => text)).toEqual(['three'])
})

test('[R-58] what cannot be opened keeps its place and its bytes, and counts', async () => {
  const { apply, db, texts } = await inbox()
  await apply(log(1, message('one', 1), message('?', 2, { payload: 'AQID' }), message('three', 3)))

  expect(await texts()).toEqual(['one', null, 'three'])
  expect((await messagesOf(db, bob))[1]).toMatchObject({ content: null, payload: 'AQID' })
  expect((await db.conversations.get(bob))!.unread).toBe(3)
})

test('[SN4] my own message comes back as an entry and takes its place, whoever of my devices sent it', async () => {
  const { apply, db, write, row, texts } = await inbox()
  const id = await write(bob, 'mine')
  await db.messages.put({
    from: alice,
    id,
    peer: bob,
    ts: pendingTs,
    direction: 'out',
    kind: 'message',
    content: { type: 'text', text: 'mine' },
    state: 'pending',
    at: 1,
  })
  await apply(
    log(
      1,
      message('mine', 5, { direction: 'out', id }),
      message('from my other device', 6, { direction: 'out' }),
    ),
  )

  expect(await row(id)).toMatchObject({ state: 'stored', ts: 5, seq: 1 })
  expect(await db.outbox.count()).toBe(0)
  expect(await texts()).toEqual(['mine', 'from my other device'])
})

test('[R-19] an end is an end: failed and expired win over whatever comes after', async () => {
  const { apply, row } = await inbox()
  const [one, two] = [message('one', 1, { direction: 'out' }), message('two', 2, { direction: 'out' })]
  await apply(
    log(
      1,
      one,
      two,
      { type: 'failed', peer: bob, id: one.id, ts: 1, code: 'recipient-unavailable' },
      { type: 'failed', peer: bob, id: two.id, ts: 2, code: 'expired' },
      one,
      two,
    ),
  )

  expect(await row(one.id)).toMatchObject({ state: 'failed', failure: 'recipient-unavailable' })
  expect(await row(two.id)).toMatchObject({ state: 'expired' })
})

test('[RC2] watermarks only grow', async () => {
  const { apply, db } = await inbox()
  const marks = (delivered: number, read: number): Fields<EntryOf<'receipts'>> => ({
    type: 'receipts',
    peer: bob,
    delivered,
    read,
    except: [],
  })
  await apply(log(1, marks(5, 3), marks(4, 4), marks(6, 0)))

  expect(await db.conversations.get(bob)).toMatchObject({ delivered: 6, read: 4 })
})

test('[RO10] the newest word about a person counts, and a knock lasts as long as it is open', async () => {
  const { apply, db } = await inbox()
  const knock = message('', 1, { kind: 'knock', payload: payloadOf({ type: 'knock', text: 'hi' }) })
  const knocked = await apply(log(1, knock, roster(bob, 1, { relation: 'asked' })))
  expect(await db.roster.get(bob)).toMatchObject({ relation: 'asked', knock: { text: 'hi' } })
  expect(knocked.incoming).toMatchObject([{ kind: 'knock', text: 'hi' }])
  expect((await db.conversations.get(bob))?.unread ?? 0).toBe(0) // shown as a request, not as unread

  await apply(log(3, roster(bob, 3), roster(bob, 2, { relation: 'none' })))
  expect(await db.roster.get(bob)).toEqual({
    peer: bob,
    relation: 'buddies',
    muted: false,
    blocked: false,
    version: 3,
  })
})

// --- When the log cannot be continued --------------------------------------------------------------------------

test('[LG5] starting over keeps the history, and takes the room’s word for people, receipts and read marks', async () => {
  const { apply, db, signed, texts, cursor } = await inbox()
  await apply(log(1, message('one', 1), message('two', 2), roster(bob, 1), roster(carol, 1)))
  await startOver(
    signed,
    welcomeBack({
      from: 1,
      snapshot: {
        ...nothing,
        roster: [{ peer: bob, relation: 'buddies', muted: true, blocked: false, version: 9 }],
        reads: [{ peer: bob, ts: 1 }],
        receipts: [{ peer: bob, delivered: 7, read: 6, except: [[3, 4]] }],
      },
    }),
    openSettings,
  )

  expect(await texts()).toEqual(['one', 'two'])
  expect(await db.roster.get(bob)).toMatchObject({ muted: true, version: 9 })
  expect(await db.roster.get(carol)).toMatchObject({ relation: 'none' })
  expect(await db.conversations.get(bob)).toMatchObject({
    // Confirmed as well: it need not be told again at every connect.
    readTs: 1,
    readSentTs: 1,
    unread: 1,
    delivered: 7,
    read: 6,
    except: [[3, 4]],
  })
  expect(await cursor()).toMatchObject({ epoch: later, seq: 1 })
})

test('[R-17] what a restored room has lost of mine is sent again under its id, however often I die over it', async () => {
  const { apply, db, signed, row } = await inbox()
  const kept = message('kept', 1, { direction: 'out' })
  const again = message('comes again', 2, { direction: 'out' })
  const lost = message('lost', 3, { direction: 'out' })
  await apply(log(1, kept, again, lost, message('theirs', 4)))

  await startOver(signed, welcomeBack({ from: 1 }), openSettings)
  await startOver(signed, welcomeBack({ from: 1 }), openSettings) // the background died in between, and the room says it again
  await apply(log(2, again), { of: later })
  await pushAgain(signed)
  await pushAgain(signed)

  expect(await db.outbox.toArray()).toMatchObject([{ id: lost.id, peer: bob, lost: true }])
  expect(await row(lost.id)).toMatchObject({ state: 'pending', ts: 3 })
  expect(await row(kept.id)).toMatchObject({ state: 'stored', seq: 1 })
  expect(await row(again.id)).toMatchObject({ state: 'stored', seq: 2 })
  expect(await db.cursor.get('cursor')).not.toHaveProperty('restored')
})

test('[LG5] a device that is new pushes nothing', async () => {
  const { db, signed } = await inbox()
  await db.cursor.clear()
  await startOver(signed, welcomeBack({ resync: 'new' }), openSettings)

  expect(await db.cursor.get('cursor')).toEqual({ key: 'cursor', epoch: later, seq: 0, mark: 0 })
})

test('[RO7] a block that a restored room has forgotten is remembered, until it was made again', async () => {
  const { apply, db, signed } = await inbox()
  await apply(log(1, roster(bob, 5, { blocked: true }), roster(carol, 5, { blocked: true })))
  const unblocked = { peer: carol, relation: 'buddies', muted: false, blocked: false, version: 6 } as const
  await startOver(signed, welcomeBack({ snapshot: { ...nothing, roster: [unblocked] } }), openSettings)
  await startOver(signed, welcomeBack({ snapshot: { ...nothing, roster: [unblocked] } }), openSettings)
  await pushAgain(signed)

  // Carol was unblocked on another device meanwhile: that is newer than what is known here.
  expect(await db.cursor.get('cursor')).toMatchObject({ restored: { blocks: [bob] } })
})
