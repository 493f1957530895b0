/** History on a device that comes later: whole engines against a real relay. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { UserId } from '#shared/ids'
import { buddies, headless, type Headless } from '../../support/headless.ts'
import { spawnRelay, type RelayProcess } from '../../support/processes.ts'

const env = { PARLEY_POW_BITS: '2', PARLEY_REGISTRATIONS_PER_DAY: '1000' }
let relay: RelayProcess
beforeAll(async () => {
  relay = await spawnRelay({ env })
}, 40_000)
afterAll(() => relay.stop())

const archiveWhen = { rows: 20, quietMs: 100 }
const isRestored = async ({ db }: Headless) => (await db.status.get('restore')) === undefined
test('a new device brings what was said, with its changes, and opens what is still in the log', async () => {
  const [alice, bob] = await buddies(relay.url, 'alice.hist', 'bob.hist', { archiveWhen })
  const texts = Array.from({ length: 60 }, (_, n) => `message ${n}`)
  const ids = []
  for (const text of texts) ids.push(await bob.send('alice.hist', text))
  await alice.until(async () => (await alice.textsWith('bob.hist')).length === 60, 'has all')
  await bob.say('alice.hist', { type: 'edit', id: ids[3]!, text: 'edited' })
  await bob.say('alice.hist', { type: 'retract', id: ids[4]! })
  await alice.commands.hide('bob.hist' as UserId, [{ from: bob.name, id: ids[5]! }])
  const expected = texts.map((text, n) => (n === 3 ? 'edited' : text)).filter((_, n) => n !== 4 && n !== 5)
  await alice.until(async () => (await alice.textsWith('bob.hist')).length === 58, 'has the changes')

  await alice.commands.signOut()
  await bob.send('alice.hist', 'in the tail')
  const phone = await headless(relay.url, 'alice.hist', { existing: true })
  await phone.until(() => isRestored(phone), 'restored')
  await phone.until(async () => (await phone.textsWith('bob.hist')).includes('in the tail'), 'opens the tail')

  expect(await phone.textsWith('bob.hist')).toEqual([...expected, 'in the tail'])
  expect((await phone.db.cursor.get('cursor'))!.seq).toBeGreaterThan(60)
  expect(await phone.db.messages.filter(({ payload }) => payload !== undefined).count()).toBe(0)
  await Promise.all([alice.stop(), bob.stop(), phone.stop()])
})

test('with history off, a new device starts empty', async () => {
  const [alice, bob] = await buddies(relay.url, 'alice.off', 'bob.off', { archiveWhen })
  await alice.commands.changeSettings({ keepsHistory: false })
  await bob.send('alice.off', 'not kept')
  await alice.until(async () => (await alice.textsWith('bob.off')).length === 1, 'has it')

  await alice.commands.signOut()
  const phone = await headless(relay.url, 'alice.off', { existing: true })
  await phone.until(() => isRestored(phone), 'restored')

  expect(await phone.textsWith('bob.off')).toEqual([])
  await Promise.all([alice.stop(), bob.stop(), phone.stop()])
})
