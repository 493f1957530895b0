/** Files between whole engines, over a real relay. */
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { partsOf } from '#shared/blobs'
import { limits } from '#shared/limits'
import { makeRoom } from '../../../extension/engine/files.ts'
import { buddies, headless, type Headless } from '../../support/headless.ts'
import { spawnRelay, type RelayProcess } from '../../support/processes.ts'
import { someBytes } from '../../support/some-bytes.ts'
import { blobAt, blobOf, contentOf, idOf, isForgotten, isReleased, png, reaches, sent } from './file-steps.ts'

let relay: RelayProcess
let alice: Headless
let bob: Headless
beforeAll(async () => {
  relay = await spawnRelay({ env: { PARLEY_POW_BITS: '2', PARLEY_REGISTRATIONS_PER_DAY: '1000' } })
  ;[alice, bob] = await buddies(relay.url, 'alice', 'bob', { random: () => 0 })
}, 40_000)
afterAll(async () => {
  await Promise.all([alice.stop(), bob.stop()])
  await relay.stop()
})

const mib = limits.partBytes
const atRelay = async (person: Headless, key: string) => blobAt(relay.url, await blobOf(person, key))

test('files of every length around a part come byte for byte', async () => {
  const parts: number[] = []
  // The last three are sealed to a part without a byte, just a part, and a byte more.
  for (const length of [0, 1, mib - 1, mib, mib + 1, 1_046_676, 1_046_677, 1_046_678]) {
    const bytes = someBytes(length)

    const key = await sent(alice, bob, bytes, { name: `${length}.bin`, caption: `${length} bytes` })
    await bob.commands.file(key, 'fetch')
    await reaches(bob, key, 'here')

    expect(await bob.bytesOf(key)).toEqual(bytes)
    expect(await contentOf(bob, key)).toMatchObject({ text: `${length} bytes`, file: { bytes: length } })
    expect(await alice.bytesOf(key)).toEqual(bytes)
    expect(await alice.fileRow(key)).toMatchObject({ state: 'here', direction: 'out' })
    parts.push(partsOf((await contentOf(bob, key)).file.sealedBytes))
  }
  expect(parts).toEqual([1, 1, 2, 2, 2, 1, 1, 2])
  expect(await alice.db.files.filter(({ caption }) => caption !== undefined).count()).toBe(0)
}, 60_000)

test.runIf(process.env.PARLEY_LARGE === '1')(
  'a file of 100 MB comes byte for byte',
  async () => {
    const bytes = someBytes(limits.fileBytesMax)
    const start = performance.now()

    await alice.attach('bob', bytes)
    await bob.until(async () => (await contents(bob)).includes(bytes.length), 'a file', 60_000)
    const uploaded = performance.now()
    const key = `alice ${(await bob.files('alice')).at(-1)!.id}`
    await bob.commands.file(key, 'fetch')
    await bob.until(async () => (await bob.fileRow(key))?.state === 'here', 'here', 60_000)

    console.info(`sealed and up ${uploaded - start} ms, down ${performance.now() - uploaded} ms`)
    expect(Buffer.compare(await bob.bytesOf(key), bytes)).toBe(0)
  },
  120_000,
)
const contents = async (person: Headless) =>
  (await person.files('alice')).map(({ content }) => content?.type === 'file' && content.file.bytes)

test('a small picture of a buddy comes by itself, anything else waits for being asked for', async () => {
  const key = await sent(alice, bob, someBytes(1000), png)
  await reaches(bob, key, 'here')

  const others = [
    await sent(alice, bob, someBytes(1000), { name: 'a.svg', mime: 'image/svg+xml' }),
    await sent(alice, bob, someBytes(limits.imageBytesAlone + 1), png),
  ]
  await bob.commands.changeSettings({ picturesCome: false })
  others.push(await sent(alice, bob, someBytes(1000), png))
  await bob.commands.changeSettings({ picturesCome: true })

  for (const other of others) expect(await bob.fileRow(other)).toBeUndefined()
})

test('all devices of both have the same file', async () => {
  const [alices, bobs] = await Promise.all(
    ['alice', 'bob'].map((name) => headless(relay.url, name, { existing: true })),
  )
  const bytes = someBytes(mib + 5)

  const key = await sent(alice, bob, bytes, { name: 'a.pdf', mime: 'application/pdf' })
  const picture = await sent(alice, bob, someBytes(50), png)

  for (const person of [bob, bobs!, alices!]) {
    await person.until(
      async () => (await person.db.messages.get(['alice' as never, idOf(key)])) !== undefined,
      'it',
    )
    await person.commands.file(key, 'fetch')
    await reaches(person, key, 'here')
    await reaches(person, picture, 'here')
    expect(await person.bytesOf(key)).toEqual(bytes)
  }
  await Promise.all([alices!.stop(), bobs!.stop()])
})

test('nothing of a file is to be found at the relay, nor its name', async () => {
  const secret = 'The heron flies at midnight'
  const bytes = new TextEncoder().encode(secret.repeat(10_000))
  const key = await sent(alice, bob, bytes, { name: `${secret}.txt`, caption: secret })

  const found = globSync('**/*', { cwd: relay.data, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name)))
    .filter((content) => content.includes(secret) || content.includes(Buffer.from(secret, 'utf16le')))

  expect(found).toEqual([])
  expect(await atRelay(alice, key)).toMatchObject({ have: [0] })
})

// --- What people do with files ------------------------------------------------------------------------------------

test('a message that was taken back takes its file from everybody, and from the relay', async () => {
  const key = await sent(alice, bob, someBytes(2000), png)
  await reaches(bob, key, 'here')
  const blob = await blobOf(bob, key)
  const other = await headless(relay.url, 'alice', { existing: true })
  await other.until(async () => (await other.fileRow(key))?.state === 'here', 'it is there as well')

  await other.say('bob', { type: 'retract', id: idOf(key) })

  for (const person of [alice, bob, other]) {
    await person.until(() => isForgotten(person, key), 'it is forgotten')
  }
  expect(await isReleased(alice, relay.url, blob)).toBe(true)
  await other.stop()
})

test('a message that I do not want to see any more takes its file from here alone', async () => {
  const key = await sent(alice, bob, someBytes(2000), png)
  await reaches(bob, key, 'here')

  await alice.commands.hide(bob.name, [{ from: alice.name, id: idOf(key) }])

  expect(await isForgotten(alice, key)).toBe(true)
  expect(await alice.db.releases.count()).toBe(0)
  expect(await atRelay(bob, key)).not.toBeNull()
  await expect(alice.commands.file(key, 'fetch')).rejects.toMatchObject({ code: 'item-not-found' })
})

test('a conversation that is forgotten when it ends is forgotten with its files', async () => {
  const key = await sent(alice, bob, someBytes(2000), png)
  await reaches(bob, key, 'here')
  await bob.commands.changeSettings({ buddies: { alice: { forgets: true } } })
  await bob.read('alice')

  await bob.commands.endConversation(alice.name)

  expect(await bob.fileRow(key)).toBeUndefined()
  expect(await bob.db.files.where('peer').equals('alice').count()).toBe(0)
  expect(await isForgotten(bob, key)).toBe(true)
  await bob.commands.changeSettings({ buddies: { alice: { forgets: null } } })
})

test('a file is declined, fetched all the same, freed, and fetched again', async () => {
  const bytes = someBytes(mib + 5)
  const key = await sent(alice, bob, bytes)

  await bob.commands.file(key, 'decline')
  expect(await bob.fileRow(key)).toMatchObject({ state: 'declined', done: 0 })
  for (const _ of [1, 2]) {
    await bob.commands.file(key, 'fetch')
    await reaches(bob, key, 'here')
    expect(await bob.bytesOf(key)).toEqual(bytes)
    await bob.commands.file(key, 'free')
    expect(await bob.fileRow(key)).toMatchObject({ state: 'freed', done: 0 })
    expect(await bob.db.parts.count()).toBe(0)
  }
})

test('what was not looked at for longest makes room for what is new', async () => {
  const keys: string[] = []
  for (const _ of [1, 2, 3]) keys.push(await sent(alice, bob, someBytes(2000), png))
  for (const key of keys) await reaches(bob, key, 'here')
  const [first, second, third] = keys as [string, string, string]
  // As if they were large: only what the rows say is counted.
  for (const [key, usedAt] of [
    [first, 3],
    [second, 1],
    [third, 2],
  ] as const) {
    const row = (await bob.fileRow(key))!
    await bob.db.files.put({ ...row, usedAt, file: { ...row.file, sealedBytes: 200_000_000 } })
  }

  await makeRoom(bob.db, Date.now())
  const states = await Promise.all(keys.map(async (key) => (await bob.fileRow(key))?.state))

  expect(states).toEqual(['here', 'freed', 'here'])
})

test('strangers send nothing, and of who is none of my buddies any more nothing comes', async () => {
  const [carol, dave] = await buddies(relay.url, 'carol', 'dave')
  const key = await sent(carol, dave, someBytes(2000))
  await dave.commands.roster(carol.name, 'remove')
  await dave.until(async () => (await dave.relationTo('carol')) === 'none', 'no buddies')

  await expect(dave.commands.file(key, 'fetch')).rejects.toMatchObject({ code: 'forbidden' })
  await carol.until(async () => (await carol.relationTo('dave')) === 'none', 'no buddies')
  const refused = await carol.attach('dave', someBytes(10), png)
  const failed = async () => (await carol.history('dave')).find(({ state }) => state === 'failed')
  await carol.until(async () => (await failed()) !== undefined, 'refused')
  expect(await carol.fileRow(refused)).toBeUndefined()
  expect(await dave.db.files.count()).toBe(0)

  // Discarding it gives the room back.
  const spent = `carol ${(await failed())!.id}`
  const blob = await blobOf(carol, spent)
  expect(await blobAt(relay.url, blob)).not.toBeNull()
  await carol.commands.discard(idOf(spent))
  expect(await isReleased(carol, relay.url, blob)).toBe(true)
  expect(await isForgotten(carol, spent)).toBe(true)

  await carol.commands.signOut()
  expect([await carol.db.files.count(), await carol.db.parts.count()]).toEqual([0, 0])
  await Promise.all([carol.stop(), dave.stop()])
})
