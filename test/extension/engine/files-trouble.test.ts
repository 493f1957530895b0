/** What can go wrong with a file: limits, disks, relays that lie, and whoever pauses it. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { FileFailure } from '../../../extension/db/db.ts'
import { limits } from '#shared/limits'
import { fullAfter } from '../../support/full-disk.ts'
import { buddies, type Headless } from '../../support/headless.ts'
import { spawnRelay, type RelayProcess } from '../../support/processes.ts'
import { someBytes } from '../../support/some-bytes.ts'
import {
  arrived,
  between,
  contentOf,
  fails,
  isForgotten,
  isReleased,
  reaches,
  sent,
  type Between,
} from './file-steps.ts'

const mib = limits.partBytes
const honest: Between = (_, __, go) => go()
/** What is between Alice and the relay; Bob's way is his own. */
const line = { say: honest }
let disk: ReturnType<typeof fullAfter>
let relay: RelayProcess
let alice: Headless
let bob: Headless
beforeAll(async () => {
  relay = await spawnRelay({
    env: {
      PARLEY_POW_BITS: '2',
      PARLEY_REGISTRATIONS_PER_DAY: '1000',
      PARLEY_FILE_MB: '3',
      PARLEY_FILES_MB: '5',
    },
  })
  ;[alice, bob] = await buddies(relay.url, 'alice', 'bob', {
    random: () => 0,
    fetch: between(line),
    prepare(db) {
      disk = fullAfter(db, Infinity)
    },
  })
}, 40_000)
afterAll(async () => {
  await Promise.all([alice.stop(), bob.stop()])
  await relay.stop()
})

/** Gives the room at the relay back. */
async function takeBack(person: Headless, peer: Headless): Promise<void> {
  for (const { id } of await person.files(peer.name)) {
    if ((await person.db.messages.get([person.name, id]))?.direction === 'out')
      await person.say(peer.name, { type: 'retract', id })
  }
  await person.until(async () => (await person.files(peer.name)).length === 0, 'taken back')
  await peer.until(async () => (await peer.files(person.name)).length === 0, 'taken back')
  await person.until(async () => (await person.db.releases.count()) === 0, 'told')
}

const isPart = (url: string, n: number) => url.endsWith(`/${n}`)
const refusal = (status: number, code: string, more = {}) =>
  Response.json({ error: { code, action: 'wait', ...more } }, { status })

test('a file over the limit of the relay is refused before anything of it is sent', async () => {
  let asked = 0
  line.say = (_, __, go) => (asked++, go())

  const key = await alice.attach('bob', someBytes(3 * mib + 1))
  await fails(alice, key, 'too-large')
  await alice.commands.file(key, 'cancel')

  expect(asked).toBe(0)
  expect(await isForgotten(alice, key)).toBe(true)
})

test('when the files of the account are full one waits until a person tries again', async () => {
  await sent(alice, bob, someBytes(3 * mib))

  const key = await alice.attach('bob', someBytes(2 * mib + 1))
  await fails(alice, key, 'file-full')
  await takeBack(alice, bob)
  await alice.commands.file(key, 'fetch')
  const message = await arrived(alice, bob, 0)

  expect(await contentOf(bob, message)).toMatchObject({ file: { bytes: 2 * mib + 1 } })
  await takeBack(alice, bob)
})

test.each<{ what: string; status: number; code: string; more?: object; failure: FileFailure }>([
  { what: 'its disk is full', status: 507, code: 'resource-constraint', failure: 'relay-full' },
  { what: 'it finds something wrong', status: 400, code: 'bad-request', failure: 'bad-request' },
  {
    what: 'it has no time today',
    status: 429,
    code: 'policy-violation',
    more: { retryAfterMs: 3_600_000 },
    failure: 'policy-violation',
  },
])(
  'a relay that says that $what ends it as $failure, until it is tried again',
  async ({ status, code, more, failure }) => {
    line.say = async (url, init, go) => (isPart(url, 1) ? refusal(status, code, more) : go())

    const key = await alice.attach('bob', someBytes(mib + 1))
    await fails(alice, key, failure)
    const { done } = (await alice.fileRow(key))!
    line.say = honest
    await alice.commands.file(key, 'fetch')
    await arrived(alice, bob, 0)

    expect(done).toBe(1)
    await takeBack(alice, bob)
  },
)

test('a relay that is busy for a moment is asked again, without anybody noticing', async () => {
  const troubles = [
    () => refusal(503, 'resource-constraint', { retryAfterMs: 1 }),
    () => refusal(500, 'internal-server-error'),
    () => new Response('<h1>Bad gateway</h1>', { status: 502 }),
    () => Promise.reject(new TypeError('the network is gone')),
  ]
  line.say = async (_, __, go) => troubles.shift()?.() ?? go()

  await sent(alice, bob, someBytes(100))

  expect(troubles).toEqual([])
  await takeBack(alice, bob)
})

test('[BL6] that a file is whole is believed only when the relay has said so', async () => {
  const puts: string[] = []
  line.say = async (url, init, go) => {
    const response = await go()
    if (init?.method !== 'PUT') return response
    puts.push(url.split('/').at(-1)!)
    return puts.length === 2 ? Promise.reject(new TypeError('the answer is lost')) : response
  }

  await sent(alice, bob, someBytes(mib + 1))

  expect(puts).toEqual(['0', '1', '1'])
  await takeBack(alice, bob)
})

test.each(['item-not-found', 'not-authorized', 'conflict'])(
  'a blob that %s says is none of ours any more is replaced by a new one',
  async (code) => {
    let times = 0
    const blobs = new Set<string>()
    line.say = async (url, init, go) => {
      blobs.add(url.split('/').at(-2)!)
      return init?.method === 'PUT' && isPart(url, 1) && times++ === 0 ? refusal(404, code) : go()
    }

    const key = await sent(alice, bob, someBytes(mib + 1))
    await bob.commands.file(key, 'fetch')
    await reaches(bob, key, 'here')

    expect(await bob.bytesOf(key)).toEqual(someBytes(mib + 1))
    const { blob } = (await contentOf(bob, key)).file
    const [old] = [...blobs].filter((other) => other !== blob)
    expect(await isReleased(alice, relay.url, old!)).toBe(true)
    await takeBack(alice, bob)
  },
)

test('a token that was never right is no reason to reserve without end', async () => {
  line.say = async (_, init, go) => (init?.method === 'PUT' ? refusal(401, 'not-authorized') : go())

  const key = await alice.attach('bob', someBytes(10))
  await fails(alice, key, 'not-authorized')
  line.say = honest
  await alice.commands.file(key, 'cancel')

  await alice.until(async () => (await alice.db.releases.count()) === 0, 'told')
  expect(await isForgotten(alice, key)).toBe(true)
})

// --- What comes down ----------------------------------------------------------------------------------------------

const withBody = async (response: Response, change: (bytes: Uint8Array<ArrayBuffer>) => BodyInit) =>
  new Response(change(new Uint8Array(await response.arrayBuffer())))

test('what a lying relay gives in place of a part is never taken for the file', async () => {
  const other = await bob.attach('alice', someBytes(mib + 1, 2))
  await alice.until(async () => (await alice.files('bob')).length === 1, 'another file')
  expect(await bob.fileRow(other)).toBeUndefined()
  const another = `bob ${(await alice.files('bob'))[0]!.id}`
  const { blob } = (await contentOf(alice, another)).file
  const key = await sent(bob, alice, someBytes(mib + 1))
  const lies: Record<string, (response: Response) => Promise<Response>> = {
    'other bytes': (response) => withBody(response, (bytes) => bytes.fill(1, 1000, 1001)),
    longer: (response) => withBody(response, (bytes) => new Blob([bytes, 'x'])),
    shorter: (response) => withBody(response, (bytes) => bytes.subarray(1)),
    nothing: async () => new Response(null),
    'another file': () => fetch(`${relay.url}/v1/blobs/${blob}/1`),
  }
  for (const [name, lie] of Object.entries(lies)) {
    line.say = async (url, _, go) => (isPart(url, 1) ? lie(await go()) : go())
    await alice.commands.file(key, 'fetch')
    await fails(alice, key, 'damaged')
    const [row, parts] = [await alice.fileRow(key), await alice.db.parts.count()]
    expect({ name, state: row?.state, done: row?.done, parts }).toEqual({
      name,
      state: 'failed',
      done: 0,
      parts: 0,
    })
  }

  line.say = honest
  await alice.commands.file(key, 'fetch')
  await reaches(alice, key, 'here')
  expect(await alice.bytesOf(key)).toEqual(someBytes(mib + 1))
  await takeBack(bob, alice)
})

test('a body without end is not read to its end', async () => {
  const key = await sent(bob, alice, someBytes(10))
  let chunks = 0
  const endless = () =>
    new ReadableStream({ pull: (controller) => (chunks++, controller.enqueue(new Uint8Array(1000))) })
  line.say = async () => new Response(endless())

  await alice.commands.file(key, 'fetch')
  await fails(alice, key, 'damaged')

  expect(chunks).toBeLessThan(10)
  line.say = honest
  await takeBack(bob, alice)
})

test('a part that is missing is called so, and so is a file that has gone', async () => {
  const key = await sent(bob, alice, someBytes(mib + 1))
  const missing = async (url: string, go: () => Promise<Response>, have: number[]) => {
    if (isPart(url, 1)) return refusal(404, 'item-not-found')
    const response = await go()
    if (isPart(url, 0)) return response
    return Response.json({ ...((await response.json()) as object), have })
  }
  line.say = (url, _, go) => missing(url, go, [0])
  await alice.commands.file(key, 'fetch')
  await fails(alice, key, 'incomplete')
  expect(await alice.fileRow(key)).toMatchObject({ done: 1 })

  line.say = honest
  const { blob } = (await contentOf(alice, key)).file
  await bob.db.releases.put({ blob })
  await bob.commands.nudge()
  await bob.until(async () => (await bob.db.releases.count()) === 0, 'released')
  await alice.commands.file(key, 'fetch')
  await reaches(alice, key, 'gone')

  expect(await alice.fileRow(key)).toMatchObject({ done: 0 })
  expect(await alice.db.parts.count()).toBe(0)
  await takeBack(bob, alice)
})

test('on a full disk a download ends as such, everything else goes on, and with room so does it', async () => {
  const key = await sent(bob, alice, someBytes(2 * mib))
  disk.fill(1)
  await alice.commands.file(key, 'fetch')
  await fails(alice, key, 'disk-full')
  await bob.send('alice', 'are you there?')
  await alice.until(async () => (await alice.textsWith('bob')).includes('are you there?'), 'a message')
  expect(await alice.fileRow(key)).toMatchObject({ done: 1 })

  disk.fill(Infinity)
  await alice.commands.file(key, 'fetch')
  await reaches(alice, key, 'here')

  expect(await alice.bytesOf(key)).toEqual(someBytes(2 * mib))
  await takeBack(bob, alice)
})

// --- What a person does meanwhile ---------------------------------------------------------------------------------

/** Every request waits before it is made, until it is let go. */
function held() {
  const waiting: (() => void)[] = []
  line.say = async (_, __, go) => {
    await new Promise<void>((resume) => waiting.push(resume))
    return go()
  }
  return {
    is: (count: number) => alice.until(() => waiting.length === count, `${count} requests`),
    next: () => waiting.shift()!(),
    release() {
      line.say = honest
      for (const resume of waiting.splice(0)) resume()
    },
  }
}

test('an upload is paused, resumed without sending again what is there, and cancelled', async () => {
  const hold = held()
  const key = await alice.attach('bob', someBytes(2 * mib))
  await hold.is(1)
  hold.next()
  await hold.is(1)

  await alice.commands.file(key, 'pause')
  hold.release()
  expect(await alice.fileRow(key)).toMatchObject({ state: 'paused', done: 1 })
  await alice.restart()
  await alice.connected()
  expect(await alice.fileRow(key)).toMatchObject({ state: 'paused' })

  const puts: string[] = []
  line.say = (url, init, go) => {
    if (init?.method === 'PUT') puts.push(url.split('/').at(-1)!)
    return puts.length === 2 ? new Promise<Response>(() => {}) : go()
  }
  await alice.commands.file(key, 'fetch')
  await alice.until(() => puts.length === 2, 'the last part')
  expect(puts).toEqual(['1', '2'])
  const { blob } = (await alice.fileRow(key))!.file
  line.say = honest
  await alice.commands.file(key, 'cancel')

  expect(await isReleased(alice, relay.url, blob!)).toBe(true)
  expect(await isForgotten(alice, key)).toBe(true)
  expect(await bob.files('alice')).toEqual([])
})

test('a download is paused, resumed without fetching again what is here, and cancelled', async () => {
  const key = await sent(bob, alice, someBytes(2 * mib))
  const hold = held()
  await alice.commands.file(key, 'fetch')
  await hold.is(1)
  hold.next()
  await hold.is(1)

  await alice.commands.file(key, 'pause')
  hold.release()
  expect(await alice.fileRow(key)).toMatchObject({ state: 'paused', done: 1 })
  const gets: string[] = []
  line.say = (url, _, go) => (gets.push(url.split('/').at(-1)!), go())
  await alice.commands.file(key, 'fetch')
  await reaches(alice, key, 'here')
  expect(gets).toEqual(['1', '2'])

  await alice.commands.file(key, 'free')
  const again = held()
  await alice.commands.file(key, 'fetch')
  await again.is(1)
  await alice.commands.file(key, 'cancel')
  again.release()
  expect(await isForgotten(alice, key)).toBe(true)
  await takeBack(bob, alice)
})

test('no more than two files are moved at a time', async () => {
  const hold = held()
  const keys: string[] = []
  for (const _ of [1, 2, 3]) keys.push(await alice.attach('bob', someBytes(10)))
  await hold.is(2)

  const states = await Promise.all(keys.map(async (key) => (await alice.fileRow(key))?.state))

  expect(states).toEqual(['moving', 'moving', 'queued'])
  hold.release()
  await bob.until(async () => (await bob.files('alice')).length === 3, 'all of them')
  await takeBack(alice, bob)
})

test('what was taken back while it was fetched is not here afterwards', async () => {
  const key = await sent(bob, alice, someBytes(10))
  const hold = held()
  await alice.commands.file(key, 'fetch')
  await hold.is(1)
  await takeBack(bob, alice)

  hold.release()
  await alice.commands.nudge()

  await expect(alice.commands.file(key, 'fetch')).rejects.toMatchObject({ code: 'item-not-found' })
  expect(await isForgotten(alice, key)).toBe(true)
})

test('a message that failed is sent again with the file that lies at the relay', async () => {
  await bob.commands.roster(alice.name, 'remove')
  await alice.until(async () => (await alice.relationTo('bob')) === 'none', 'no buddies')
  await alice.attach('bob', someBytes(500))
  const failed = async () => (await alice.history('bob')).find(({ state }) => state === 'failed')
  await alice.until(async () => (await failed()) !== undefined, 'refused')
  await alice.knock('bob')
  await bob.until(async () => (await bob.relationTo('alice')) === 'asked', 'asked')
  await bob.accept('alice')
  await alice.until(async () => (await alice.relationTo('bob')) === 'buddies', 'buddies')

  await alice.commands.retry((await failed())!.id)
  const key = await arrived(alice, bob, 0)

  expect(await alice.bytesOf(key)).toEqual(someBytes(500))
  await bob.commands.file(key, 'fetch')
  await reaches(bob, key, 'here')
  expect(await alice.db.files.count()).toBe(1)
})
