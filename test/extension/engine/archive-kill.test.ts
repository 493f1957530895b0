/** The background dies while it puts history away, or brings it: at every few points, and nothing is missing after it. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import type { UserId } from '#shared/ids'
import { randomSeed } from '../../../extension/crypto/identity.ts'
import type { MessageRow } from '../../../extension/db/db.ts'
import { headless, type Headless } from '../../support/headless.ts'
import { spawnRelay, type RelayProcess } from '../../support/processes.ts'
import { haveSaid, isArchived, isRestored, oldId } from './archived.ts'
import { mortal } from './mortal.ts'

let relay: RelayProcess
beforeAll(async () => {
  relay = await spawnRelay({ env: { PARLEY_POW_BITS: '2', PARLEY_REGISTRATIONS_PER_DAY: '1000' } })
}, 40_000)
afterAll(() => relay.stop())
beforeEach(() => void vi.spyOn(console, 'error').mockImplementation(() => {})) // the dead complain
afterEach(() => void vi.restoreAllMocks())

const root = randomSeed()
const archiveWhen = { rows: 20, quietMs: 50 }
/** Some points in between are left out; PARLEY_EVERY_POINT=1 takes them all. */
const step = process.env.PARLEY_EVERY_POINT === '1' ? 1 : 9
const timeoutMs = step === 1 ? 300_000 : 60_000
const plain = ({ from, id, ts, seq, content, removed }: MessageRow) => ({
  from,
  id,
  ts,
  seq,
  content,
  removed,
})

/**
 * Begins it again and again, and dies a little later each time, until it comes to its end alive. How often it died.
 * `isRight` is asked after each recovery.
 */
async function dyingOnTheWay(
  person: Headless,
  mortality: ReturnType<typeof mortal>,
  how: { begin(n: number): Promise<unknown>; isDone(): Promise<boolean>; isRight(): Promise<void> },
): Promise<number> {
  let deaths = 0
  for (let point = 1, died = true; died; point += step) {
    mortality.arm(point, () => person.kill())
    await how.begin(deaths).catch(() => {}) // whoever asked the dead gets no answer
    await person.until(async () => mortality.isDead() || (await how.isDone()), `${point}: dead or done`)
    mortality.disarm()
    died = mortality.isDead()
    if (!died) break
    deaths++
    await person.restart()
    await person.connected()
    await person.ring()
    await person.until(how.isDone, `${point}: done after all`)
    await how.isRight()
  }
  return deaths
}

test(
  'dying while history is put away, all of it is there once, and what was deleted stays so',
  async () => {
    const mortality = mortal()
    const alice = await headless(relay.url, 'alice.flush', { root, archiveWhen, ...mortality.options })
    const rows: MessageRow[] = []
    const deaths = await dyingOnTheWay(alice, mortality, {
      async begin(n) {
        rows.push(...(await haveSaid(alice, 'bob', 25, 25 * n)))
        if (n > 0) {
          // So that it puts segments in the place of others.
          const { from, id } = rows[25 * n - 1]!
          void alice.commands.hide('bob' as UserId, [{ from, id }]).catch(() => {})
        }
        await alice.ring()
      },
      isDone: async () => (await isArchived(alice)) && (await alice.db.outbox.count()) === 0,
      isRight: async () => {},
    })
    const expected = (await alice.history('bob')).map(plain)
    await alice.commands.signOut()
    const phone = await headless(relay.url, 'alice.flush', { root, existing: true })
    await phone.until(() => isRestored(phone), 'restored')

    console.info(`died ${deaths} times`)
    expect(deaths).toBeGreaterThan(5)
    expect((await phone.history('bob')).map(plain)).toEqual(expected)
    expect(expected.map(({ id }) => id)).toEqual(rows.map(({ id }) => id))
    expect(expected.filter(({ removed }) => removed === 'hidden').length).toBeGreaterThan(2)
    await Promise.all([alice.stop(), phone.stop()])
  },
  timeoutMs,
)

test(
  'dying while history is brought, all of it is here once, with its changes and the right number',
  async () => {
    const mortality = mortal()
    const alice = await headless(relay.url, 'alice.bring', { root, archiveWhen })
    const rows = await haveSaid(alice, 'bob', 60)
    const target = rows.find(({ direction }) => direction === 'out')!
    const edit = { ...target, id: oldId(5000), ts: target.ts + 1000, kind: 'control' as const }
    await alice.db.changes.put({ ...edit, content: { type: 'edit', id: target.id, text: 'edited' } })
    await alice.ring()
    await alice.until(() => isArchived(alice), 'put away')
    await alice.commands.signOut()
    const phone = await headless(relay.url, 'alice.bring', { root, existing: true, ...mortality.options })
    await phone.until(() => isRestored(phone), 'restored')
    const expected = (await phone.history('bob')).map(plain)

    const deaths = await dyingOnTheWay(phone, mortality, {
      async begin() {
        // As after a sign-in: everything is still to come.
        phone.kill()
        await Promise.all(
          [phone.db.messages, phone.db.changes, phone.db.conversations].map((table) => table.clear()),
        )
        await phone.db.status.put({ key: 'restore', done: 0, total: 0 })
        await phone.restart()
      },
      isDone: () => isRestored(phone),
      async isRight() {
        expect((await phone.history('bob')).map(plain)).toEqual(expected)
        expect(await phone.unread('bob')).toBe(30)
      },
    })

    console.info(`died ${deaths} times`)
    expect(deaths).toBeGreaterThan(8)
    expect(expected.map(({ id }) => id)).toEqual(rows.map(({ id }) => id))
    expect(expected.find(({ id }) => id === target.id)!.content).toMatchObject({ text: 'edited' })
    await Promise.all([alice.stop(), phone.stop()])
  },
  timeoutMs,
)
