/**
 * A relay that lies to a device, and peers that do not keep to the rules, against whole engines: what they make up is
 * never shown as said, nothing is sealed for anybody who is not meant, and everything else goes on.
 */
import { v7 } from 'uuid'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { deviceListBytes, type DeviceList } from '#shared/account'
import { concat, fromBase64, toBase64 } from '#shared/bytes'
import type { EntryOf, ServerFrame, ServerFrameOf } from '#shared/frames'
import type { DeviceId, EnvelopeId } from '#shared/ids'
import { sized } from '../../../extension/crypto/binary.ts'
import { openSecrets, randomSeed } from '../../../extension/crypto/identity.ts'
import { signingKey } from '../../../extension/crypto/keys.ts'
import { envelopeAad } from '../../../extension/crypto/mls/envelope.ts'
import { encodeInner } from '../../../extension/crypto/mls/inner.ts'
import { makeKeyPackage } from '../../../extension/crypto/mls/key-package.ts'
import { membersOf } from '../../../extension/crypto/mls/members.ts'
import { pad } from '../../../extension/crypto/mls/padding.ts'
import { decodePayload, encodePayload } from '../../../extension/crypto/mls/payload.ts'
import { headless, type Headless, type HeadlessOptions } from '../../support/headless.ts'
import { spawnRelay, type RelayProcess } from '../../support/processes.ts'
import { speak, stateOf } from '../crypto/mls/attacker.ts'
import { tapped } from './wire.ts'

vi.setConfig({ testTimeout: 20_000 }) // each has people of its own

type Keys = ServerFrameOf<'keys'>
type Message = EntryOf<'message'>

/** What the relay says to one device, as it was changed on the way. */
function lies() {
  let message: ((entry: Message) => Message) | null = null
  let keys: ((frame: Keys) => Promise<Keys> | Keys) | null = null
  let told = 0
  const changed = (frame: ServerFrame): ServerFrame => {
    if (frame.type === 'keys' && keys) return (told++, keys(frame) as Keys)
    if (frame.type !== 'deliver' || !message) return frame
    const entries = frame.entries.map((entry) => {
      if (entry.type !== 'message' || entry.payload === '' || entry.kind !== 'message' || !message)
        return entry
      const change = message
      message = null
      told++
      return change(entry)
    })
    return { ...frame, entries }
  }
  return {
    WebSocket: tapped({ heard: (text) => JSON.stringify(changed(JSON.parse(text) as ServerFrame)) }),
    /** About the next message, once. */
    aboutMessage: (change: (entry: Message) => Message) => void (message = change),
    aboutKeys: (change: typeof keys) => void (keys = change),
    told: () => told,
  }
}

let relay: RelayProcess
let alice: Headless
let bob: Headless
const root = randomSeed()
let line = lies()
const person = (name: string, options: HeadlessOptions = {}) =>
  headless(relay.url, name, { root, random: () => 0, ...options })

async function befriend(one: Headless, other: Headless) {
  await one.knock(other.name)
  await other.until(async () => (await other.relationTo(one.name)) === 'asked', 'asked')
  await other.accept(one.name)
  await one.until(async () => (await one.relationTo(other.name)) === 'buddies', 'buddies')
}

beforeAll(async () => {
  relay = await spawnRelay({ env: { PARLEY_POW_BITS: '2', PARLEY_REGISTRATIONS_PER_DAY: '1000' } })
}, 40_000)
afterAll(() => relay.stop())
let pairs = 0
beforeEach(async () => {
  const number = ++pairs
  line = lies()
  alice = await person(`alice.${number}`, { WebSocket: line.WebSocket })
  bob = await person(`bob.${number}`)
  await befriend(alice, bob)
  // Two devices, so that there are key packages to exchange.
  await (await person(bob.name, { existing: true })).stop()
  await says(alice, bob, 'hello')
  await says(bob, alice, 'hello')
  // What is refused is told to developers.
  vi.spyOn(console, 'warn').mockImplementation(() => {})
  vi.spyOn(console, 'error').mockImplementation(() => {})
})
afterEach(async () => {
  await Promise.all([alice.stop(), bob.stop()])
  vi.restoreAllMocks()
})

async function says(from: Headless, to: Headless, text: string) {
  const id = await from.send(to.name, text)
  await to.until(async () => (await to.textsWith(from.name)).includes(text), text)
  return id
}
const countOf = (texts: string[], text: string) => texts.filter((one) => one === text).length
/** The next message opens a new session, and with it asks for keys. */
const spend = ({ db }: Headless) => db.ratchetsOut.toCollection().modify({ openedAt: 0 })

const flip = (bytes: Uint8Array, at: number) => bytes.with(at, bytes[at]! ^ 1)
const inPayload =
  (change: (payload: ReturnType<typeof decodePayload>) => ReturnType<typeof decodePayload>) =>
  (entry: Message) => ({
    ...entry,
    payload: encodePayload(change(decodePayload(entry.payload))),
  })
const oversized = (entry: Message) => {
  const { ratchet, ct } = decodePayload(entry.payload)
  const welcome = sized(new Uint8Array(64 * 1024 + 1))
  return { ...entry, payload: toBase64(concat(Uint8Array.of(1, 2), ratchet, welcome, sized(ct))) }
}

let earlier: Message
const otherList = 'A'.repeat(43)

// --- What is delivered --------------------------------------------------------------------------------------------

const changes: [name: string, change: (entry: Message) => Message, isNew?: boolean][] = [
  ['a bit of the sealed message', inPayload((one) => ({ ...one, ct: flip(one.ct, one.ct.length - 20) }))],
  ['a bit of its header', inPayload((one) => ({ ...one, ct: flip(one.ct, 6) }))],
  ['the name of its session', inPayload((one) => ({ ...one, ratchet: flip(one.ratchet, 0) }))],
  ['its payload cut off', (entry) => ({ ...entry, payload: entry.payload.slice(0, -8) })],
  ['the sending device', (entry) => ({ ...entry, device: 'AAAAAAAAAAA' as DeviceId })],
  ['the sender’s list', (entry) => ({ ...entry, lists: { ...entry.lists!, own: otherList } })],
  ['the receiver’s list', (entry) => ({ ...entry, lists: { ...entry.lists!, peer: otherList } })],
  [
    'both lists, exchanged',
    (entry) => ({ ...entry, lists: { own: entry.lists!.peer, peer: entry.lists!.own } }),
  ],
  ['the payload of an earlier message', (entry) => ({ ...entry, payload: earlier.payload })],
  [
    'a bit of the Welcome',
    inPayload((one) => ({ ...one, welcome: flip(one.welcome!, one.welcome!.length - 50) })),
    true,
  ],
  ['a Welcome that is too large', oversized, true],
]

test.each(changes)(
  'with %s changed, a message is not believed, asked for, and shown as it was said',
  async (name, change, isNew) => {
    line.aboutMessage((entry) => (earlier = entry))
    await says(bob, alice, `before ${name}`)
    if (isNew) await spend(bob)
    const before = line.told()
    line.aboutMessage(change)
    const id = await bob.send(alice.name, `with ${name}`)
    await alice.until(() => line.told() > before, 'changed')
    await says(bob, alice, `after ${name}`)
    await alice.until(async () => (await alice.textsWith(bob.name)).includes(`with ${name}`), 'healed')

    expect((await alice.db.messages.get([bob.name, id]))?.asked).toBeGreaterThan(0)
    const texts = await alice.textsWith(bob.name)
    for (const text of ['before', 'with', 'after']) expect(countOf(texts, `${text} ${name}`)).toBe(1)
    expect(await alice.isConnected()).toBe(true)
  },
)

test('a message under another id, of another kind or of another person is nobody’s', async () => {
  const made = v7() as EnvelopeId
  line.aboutMessage((entry) => ({ ...entry, id: made }))
  await bob.send(alice.name, 'under another id')
  await alice.until(async () => (await alice.db.messages.get([bob.name, made])) !== undefined, 'stored')
  const before = line.told()
  line.aboutMessage((entry) => ({ ...entry, kind: 'knock' }))
  await bob.send(alice.name, 'as a knock')
  await alice.until(() => line.told() > before, 'changed')
  line.aboutMessage((entry) => ({ ...entry, peer: 'carol' as Message['peer'] }))
  await bob.send(alice.name, 'as Carol')
  await alice.until(async () => (await alice.history('carol')).length > 0, 'stored')
  await says(bob, alice, 'after all of it')

  expect(await alice.db.messages.get([bob.name, made])).toMatchObject({ content: null })
  expect((await alice.db.roster.get(bob.name))?.knock?.text ?? '').not.toBe('as a knock')
  expect(await alice.textsWith('carol')).toEqual([])
})

test('the same message in the place of a later one is there once', async () => {
  let first: Message
  line.aboutMessage((entry) => (first = entry))
  await says(bob, alice, 'once')
  const before = line.told()
  line.aboutMessage(({ seq, mark, ts }) => ({ ...first, seq, mark, ts }))
  await bob.send(alice.name, 'held back')
  await alice.until(() => line.told() > before, 'changed')
  await says(bob, alice, 'and on')

  expect(countOf(await alice.textsWith(bob.name), 'once')).toBe(1)
  expect(await alice.textsWith(bob.name)).not.toContain('held back')
})

test('who is a member speaks in nobody else’s session', async () => {
  const heard = lies()
  const phone = await person(alice.name, { existing: true, WebSocket: heard.WebSocket })
  let from: Message | undefined
  heard.aboutMessage((entry) => (from = entry))
  await spend(alice)
  await alice.send(bob.name, 'mine')
  await phone.until(async () => (await phone.textsWith(bob.name)).includes('mine'), 'arrived')
  await bob.until(async () => (await bob.textsWith(alice.name)).includes('mine'), 'arrived')
  // Bob has the session as a member, and his own key.
  const { lsk, device, sealedSecrets, acct, list, relayId } = (await bob.db.account.get('me'))!
  const { dsk } = await openSecrets(lsk, device, sealedSecrets)
  const member = membersOf(list).find((one) => one.device === device)!
  const { ratchet } = decodePayload(from!.payload)
  const { state } = (await bob.db.ratchetsIn.get(toBase64(ratchet)))!
  const hers = (await alice.db.account.get('me'))!
  const forged = async (id: EnvelopeId) => {
    const facts = { relayId, id, resendOf: undefined, kind: 'message' as const, ratchet, to: acct }
    const aad = envelopeAad({ ...facts, from: { acct: hers.acct, device: hers.device }, lists: from!.lists! })
    const inner = pad(encodeInner({ mid: id, n: 1, content: { type: 'text', text: 'I owe Bob' } as never }))
    const speaker = { member, seed: fromBase64(dsk) }
    return encodePayload({ ratchet, ct: await speak(stateOf(state, speaker), '', aad, undefined, inner) })
  }
  const id = v7() as EnvelopeId
  const payload = await forged(id)
  const before = heard.told()
  heard.aboutMessage((entry) => ({ ...entry, id, payload }))
  await alice.send(bob.name, 'to be replaced')
  await phone.until(() => heard.told() > before, 'changed')
  await alice.send(bob.name, 'and mine again')
  await phone.until(async () => (await phone.textsWith(bob.name)).includes('and mine again'), 'goes on')

  expect(await phone.textsWith(bob.name)).not.toContain('I owe Bob')
  expect(await phone.db.messages.get([alice.name, id])).toMatchObject({ content: null })
  await phone.stop()
})

// --- What it says about keys ----------------------------------------------------------------------------------------

const aboutBob = (change: (frame: Keys) => Keys) => (frame: Keys) =>
  frame.peer === bob.name ? change(frame) : frame
const newest = ({ lists }: Keys) => lists.at(-1)!
const withNewest = (frame: Keys, list: DeviceList): Keys => ({
  ...frame,
  lists: [...frame.lists.slice(0, -1), list],
})

test.each<[string, () => Promise<(frame: Keys) => Keys>]>([
  [
    'a device of its own in the list',
    async () => (frame) => {
      const ghost = { ...newest(frame).devices[0]!, id: 'GGGGGGGGGGG' as DeviceId }
      return withNewest(frame, { ...newest(frame), devices: [...newest(frame).devices, ghost] })
    },
  ],
  [
    'a list from before',
    async () => {
      const lists = (await alice.db.lists.toArray()).map(({ list }) => list)
      const { acct } = (await bob.db.account.get('me'))!
      const first = lists.find((list) => list.acct === acct && list.ver === 1)!
      return (frame) => ({ ...frame, lists: [first] })
    },
  ],
  [
    'another list of the same version, signed by the account itself',
    async () => {
      const { lsk, device, sealedSecrets } = (await bob.db.account.get('me'))!
      const key = await signingKey(fromBase64((await openSecrets(lsk, device, sealedSecrets)).aik))
      const { list } = (await alice.db.lists.get((await alice.db.identities.get(bob.name))!.hash))!
      const { sig: _, ...rest } = { ...list, ts: list.ts + 1 }
      const fork = { ...rest, sig: await key.sign(deviceListBytes(rest)) }
      return (frame) => withNewest(frame, fork)
    },
  ],
  [
    'the list of another account as his',
    async () => {
      const { list } = (await alice.db.account.get('me'))!
      return (frame) => ({ ...frame, lists: [list] })
    },
  ],
  [
    'key packages of other devices than it says',
    async () => (frame) => {
      const [one, two] = frame.packages.filter(({ device }) => device !== '@')
      const swap: Record<string, string> = { [one!.device]: two!.package, [two!.device]: one!.package }
      const packages = frame.packages.map((each) => ({ ...each, package: swap[each.device] ?? each.package }))
      return { ...frame, packages }
    },
  ],
  [
    'a key package with a key of its own',
    async () => {
      const { list, device } = (await bob.db.account.get('me'))!
      const member = membersOf(list).find((each) => each.device === device)!
      const made = toBase64((await makeKeyPackage(member, fromBase64(randomSeed()), Date.now())).public)
      return (frame) => ({
        ...frame,
        packages: frame.packages.map((each) => (each.device === device ? { ...each, package: made } : each)),
      })
    },
  ],
])(
  'shown %s, nothing is sealed; it is said as such, and sent once the relay tells the truth',
  async (name, make) => {
    const identity = await alice.db.identities.get(bob.name)
    const change = await make()
    line.aboutKeys(aboutBob(change))
    await spend(alice)
    const text = `not with ${name}`
    const id = await alice.send(bob.name, text)
    await alice.until(async () => (await alice.stateOf(id)) === 'failed', 'failed')
    expect(await alice.db.messages.get([alice.name, id])).toMatchObject({ failure: 'inconsistent-keys' })
    expect(await alice.db.identities.get(bob.name)).toEqual(identity)
    expect(await bob.textsWith(alice.name)).not.toContain(text)

    line.aboutKeys(null)
    await alice.commands.retry(id)
    await bob.until(async () => (await bob.textsWith(alice.name)).includes(text), 'sent')
    expect(countOf(await bob.textsWith(alice.name), text)).toBe(1)
  },
)
