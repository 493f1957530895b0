import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Content } from '#shared/content'
import type { EnvelopeId, UserId } from '#shared/ids'
import type { MessageRow } from '../../../extension/db/db.ts'
import { isOpen, sessionAfter, sessionQuietMs, sessionsOf } from '../../../extension/db/sessions.ts'
import { offeredFile } from '../../support/offered-file.ts'

const [alice, bob] = ['alice' as UserId, 'bob' as UserId]
const minute = 60_000
let count = 0
const said = (from: UserId, ts: number, content: Content): MessageRow => ({
  from,
  id: `e${String(++count).padStart(4, '0')}` as EnvelopeId,
  peer: bob,
  ts,
  direction: from === alice ? 'out' : 'in',
  kind: content.type === 'text' ? 'message' : 'control',
  content,
  at: ts,
})
const text = (from: UserId, ts: number, session?: string) =>
  said(from, ts, { type: 'text', text: 'x', ...(session && { session }) })
const leave = (from: UserId, ts: number, how: 'left' | 'rejected' = 'left', note?: string) =>
  said(from, ts, { type: 'leave', session: 's1', how, ...(note && { note }) })
const after = (...rows: MessageRow[]) =>
  rows.reduce(
    (session, row) => sessionAfter(session, row, alice),
    undefined as ReturnType<typeof sessionAfter>,
  )

test('[R-32] the first message begins a session, and names it', () => {
  expect(after(text(bob, 5, 's1'))).toEqual({ id: 's1', by: bob, startTs: 5, lastTs: 5 })
  expect(after(text(alice, 5, 's1'))?.answer).toEqual({ what: 'accepted', at: 5 })
})

test('[R-32] a file belongs to a session like a text', () => {
  const file = (from: UserId, ts: number, session: string): MessageRow => ({
    ...said(from, ts, { type: 'file', file: offeredFile(), text: '', session }),
    kind: 'message',
  })

  expect(after(file(bob, 5, 's1'))).toEqual({ id: 's1', by: bob, startTs: 5, lastTs: 5 })
  expect(after(text(alice, 5, 's2'), file(bob, 6, 's1'))?.id).toBe('s1')
})

test('[R-32] both began at once: the lower name holds, whichever came first', () => {
  expect(after(text(alice, 5, 's2'), text(bob, 6, 's1'))?.id).toBe('s1')
  expect(after(text(bob, 5, 's1'), text(alice, 6, 's2'))?.id).toBe('s1')
})

test('[R-58] what cannot be opened yet belongs to the session, and does not name it', () => {
  const unopened = { ...text(bob, 6), id: '0' as EnvelopeId, content: null }
  expect(after(text(bob, 5, 's1'), unopened)).toMatchObject({ id: 's1', lastTs: 6 })
})

test('[R-33] who writes has accepted', () => {
  expect(after(text(bob, 5, 's1'))?.answer).toBeUndefined()
  expect(after(text(bob, 5, 's1'), text(alice, 6, 's1'))?.answer).toEqual({ what: 'accepted', at: 6 })
})

test('[R-35] an hour of quiet ends it, one minute less does not', () => {
  const first = text(bob, 0, 's1')
  expect(after(first, text(bob, sessionQuietMs - 1, 's1'))?.startTs).toBe(0)
  expect(after(first, text(bob, sessionQuietMs, 's1'))?.startTs).toBe(sessionQuietMs)
  expect(isOpen(after(first), sessionQuietMs - 1)).toBe(true)
  expect(isOpen(after(first), sessionQuietMs)).toBe(false)
})

test('[R-34] [R-35] leaving ends it; whoever writes then begins another', () => {
  const over = after(text(bob, 0, 's1'), leave(bob, minute))
  expect(over?.end).toEqual({ by: bob, ts: minute, how: 'left' })
  expect(isOpen(over, minute + 1)).toBe(false)

  const next = sessionAfter(over, text(alice, 2 * minute, 's2'), alice)
  expect(next).toMatchObject({ id: 's2', by: alice, startTs: 2 * minute })
  expect(next?.end).toBeUndefined()
})

test('[R-35] leaving what is over already changes nothing', () => {
  const over = after(text(bob, 0, 's1'), leave(bob, minute))
  expect(sessionAfter(over, leave(alice, 2 * minute), alice)).toEqual(over)
  const quiet = after(text(bob, 0, 's1'))
  expect(sessionAfter(quiet, leave(bob, 2 * sessionQuietMs), alice)).toEqual(quiet)
  expect(after(leave(bob, 0))).toBeUndefined()
})

test('whom I rejected stays rejected for this sitting, under whatever name; writing to them undoes it', () => {
  const over = after(text(bob, 0, 's1'), leave(alice, minute, 'rejected', 'busy'))
  expect(over?.end).toEqual({ by: alice, ts: minute, how: 'rejected', note: 'busy' })
  expect(sessionAfter(over, text(bob, 2 * minute, 's1'), alice)?.end).toBeDefined()
  expect(sessionAfter(over, text(bob, 2 * minute, 's9'), alice)?.end).toBeDefined()
  expect(sessionAfter(over, text(bob, 2 * sessionQuietMs, 's9'), alice)?.end).toBeUndefined()
  expect(sessionAfter(over, text(alice, 2 * minute, 's2'), alice)?.end).toBeUndefined()
})

test('who was rejected goes on in the same session, so that the other one is not asked again', () => {
  const over = after(text(alice, 0, 's1'), leave(bob, minute, 'rejected'))
  expect(sessionAfter(over, text(alice, 2 * minute, 's1'), alice)).toMatchObject({ id: 's1', startTs: 0 })
  expect(sessionAfter(over, text(bob, 2 * minute, 's2'), alice)).toMatchObject({ id: 's2', by: bob })
})

test('a message that was put into the past does not move the session of now', () => {
  const now = after(text(bob, 10 * sessionQuietMs, 's5'))
  expect(sessionAfter(now, text(bob, 5, 's1'), alice)).toBe(now)
})

test('[R-31] edits and reactions neither begin nor prolong one', () => {
  const before = after(text(bob, 0, 's1'))
  const edit = said(bob, 50 * minute, { type: 'edit', id: 'e1' as EnvelopeId, text: 'y' })
  expect(sessionAfter(before, edit, alice)).toBe(before)
  expect(sessionAfter(undefined, edit, alice)).toBeUndefined()
})

test('[R-36] history falls into sessions, each with the name and end it has in the end', () => {
  const rows = [
    text(alice, 0, 's2'),
    text(bob, 1, 's1'), // glare
    leave(bob, 2),
    text(alice, 3, 's3'),
    text(bob, 2 * sessionQuietMs, 's4'),
  ]
  const sessions = sessionsOf(rows, alice)

  expect(sessions.map((session) => session?.id)).toEqual(['s1', 's1', 's1', 's3', 's4'])
  expect(sessions[0]?.end?.by).toBe(bob)
  expect(sessions[3]?.end).toBeUndefined()
})

test('[R-36] sessions follow each other without holes, whatever is said', () => {
  const anything = fc.array(
    fc.record({
      by: fc.constantFrom(alice, bob),
      gap: fc.constantFrom(1, minute, sessionQuietMs - 1, sessionQuietMs),
      what: fc.constantFrom('text', 'text', 'text', 'left', 'rejected'),
      session: fc.constantFrom('s1', 's2', 's3'),
    }),
    { maxLength: 30 },
  )
  fc.assert(
    fc.property(anything, (events) => {
      let ts = 0
      const rows = events.map(({ by, gap, what, session }) => {
        ts += gap
        return what === 'text' ? text(by, ts, session) : leave(by, ts, what as 'left' | 'rejected')
      })
      const sessions = sessionsOf(rows, alice)
      const last = rows.reduce(
        (session, row) => sessionAfter(session, row, alice),
        undefined as ReturnType<typeof sessionAfter>,
      )

      expect(sessions).toHaveLength(rows.length)
      expect(sessions.at(-1) ?? undefined).toEqual(last)
      const starts = sessions.map((session) => session?.startTs ?? -1)
      expect(starts).toEqual(starts.toSorted((a, b) => a - b))
      const homeless = rows.filter((row, place) => row.kind === 'message' && sessions[place] === null)
      expect(homeless).toEqual([])
    }),
  )
})
