/** What other members, and a relay between them, may try: the cryptography reference, §6.4 and §6.5. */
import { makeCustomExtension, nodeTypes, type GroupInfo } from 'ts-mls'
import { expect, test } from 'vitest'
import { concat, fromBase64, toBase64 } from '#shared/bytes'
import { makeKeyPackage, type OwnKeyPackage } from '../../../../extension/crypto/mls/key-package.ts'
import { pad } from '../../../../extension/crypto/mls/padding.ts'
import { join, leavesMoved, open, unseal } from '../../../../extension/crypto/mls/session.ts'
import { commit, openWith, propose, speak, speakAs, stateOf, vector } from './attacker.ts'
import { aad, device, session, textOf, type TestDevice } from './devices.ts'

const flip = (bytes: Uint8Array, bit: number) => bytes.with(bit >> 3, bytes[bit >> 3]! ^ (1 << (bit & 7)))

/** Seeded, so that a failure can be run again. */
function* random(seed: number) {
  for (let state = seed; ; yield state) state = (state * 1_664_525 + 1_013_904_223) >>> 0
}

// --- Messages --------------------------------------------------------------------------------------------

async function threeMembers() {
  const [alice, bob, other] = [await device('alice/1'), await device('bob/1'), await device('bob/2')]
  const talk = await session(alice, bob, other)
  return { alice, bob, other, talk, asBob: await talk.joinAs(0), asOther: await talk.joinAs(1) }
}

test('a member that speaks in the session of another is refused', async () => {
  const { talk, bob, asBob, asOther } = await threeMembers()
  const before = toBase64(asOther)

  const ct = await speak(stateOf(asBob, bob), 'hi', aad('hi'))

  await expect(talk.hear(asOther, ct, 'hi')).rejects.toMatchObject({ reason: 'sender' })
  expect(toBase64(asOther)).toBe(before)
})

test('whose keys moved tells a member from the owner, as the sender data does', async () => {
  const { talk, bob, other, asBob, asOther } = await threeMembers()
  const before = stateOf(asOther, other)
  const after = stateOf((await talk.hear(asOther, await talk.say('hello'), 'hello')).state, other)
  const ofBob = stateOf(asBob, bob)
  const leaf = { ...after.secretTree.leafNodes[0]! }

  expect(leavesMoved(before, after)).toEqual(['0'])
  expect(leavesMoved(before, before)).toEqual([])
  expect(leavesMoved(after, ofBob)).toEqual([])
  const tampered = { ...after, secretTree: { ...after.secretTree, leafNodes: { 0: leaf, 2: leaf } } }
  expect(leavesMoved(after, tampered)).toEqual(['2'])
})

test.each([1, 2, 5, 1000, 2 ** 30, 2 ** 32 - 1])(
  'sender data that names leaf %i is refused before the library walks to it',
  async (leaf) => {
    const { talk, alice, asBob } = await threeMembers()

    const ct = await speakAs(stateOf(talk.state, alice), 'hi', aad('hi'), { leaf })

    await expect(talk.hear(asBob, ct, 'hi')).rejects.toMatchObject({ reason: 'sender' })
  },
)

test('a message absurdly far ahead is refused without reckoning up to it', async () => {
  const { talk, alice, asBob } = await threeMembers()

  for (const generation of [1024, 2 ** 32 - 1]) {
    const ct = await speakAs(stateOf(talk.state, alice), 'hi', aad('hi'), { generation })
    await expect(talk.hear(asBob, ct, 'hi')).rejects.toMatchObject({ reason: 'too-far' })
  }
})

test('sender data of another length is refused', async () => {
  const { talk, alice, asBob } = await threeMembers()

  const longer = await speak(stateOf(talk.state, alice), 'hi', aad('hi'), (plaintext) =>
    plaintext.length === 12 ? concat(plaintext, plaintext) : plaintext,
  )

  await expect(talk.hear(asBob, longer, 'hi')).rejects.toMatchObject({ reason: 'malformed' })
})

test('a commit in a session is refused, its own owner’s too, sealed or open', async () => {
  const { talk, alice, bob, asBob, asOther } = await threeMembers()
  const commits = [await commit(stateOf(asBob, bob)), await commit(stateOf(talk.state, alice))]

  for (const made of commits) {
    await expect(talk.hear(asOther, made.private, '')).rejects.toMatchObject({ reason: 'malformed' })
    await expect(talk.hear(asOther, made.public, '')).rejects.toMatchObject({ reason: 'malformed' })
  }
  expect(textOf(await talk.hear(asOther, await talk.say('hello'), 'hello'))).toBe('hello')
})

test('a proposal in a session is refused', async () => {
  const { talk, alice, asBob } = await threeMembers()

  const ct = await propose(stateOf(talk.state, alice))

  await expect(talk.hear(asBob, ct, '')).rejects.toMatchObject({ reason: 'malformed' })
})

test('a message in an envelope of somebody else than the owner is refused', async () => {
  const { talk, bob, asOther } = await threeMembers()
  const ct = await talk.say('hello')

  await expect(talk.hear(asOther, ct, 'hello', { owner: bob.member })).rejects.toMatchObject({
    reason: 'members',
  })
})

test('a message under another envelope is refused', async () => {
  const { talk, asBob } = await threeMembers()
  const ct = await talk.say('hello')

  await expect(talk.hear(asBob, ct, 'hello', { aad: aad('x') })).rejects.toMatchObject({ reason: 'envelope' })
})

test('a message of another session is refused', async () => {
  const { talk, asBob } = await threeMembers()
  const another = await threeMembers()

  await expect(talk.hear(asBob, await another.talk.say('hi'), 'hi')).rejects.toMatchObject({
    reason: 'malformed',
  })
})

test('a message that its owner did not pad as everybody does is refused', async () => {
  const { talk, alice, asBob } = await threeMembers()
  const state = stateOf(talk.state, alice)

  for (const content of [
    new Uint8Array(),
    new Uint8Array(255),
    new Uint8Array(512),
    pad(new Uint8Array()).with(255, 1),
  ]) {
    const ct = await speak(state, 'hi', aad('hi'), undefined, content)
    await expect(talk.hear(asBob, ct, 'hi')).rejects.toMatchObject({ reason: 'malformed' })
  }
})

test('300 random flips of a bit: 300 refusals of our own kind, and the message still opens', async () => {
  const { talk, asBob } = await threeMembers()
  const ct = await talk.say('hello')
  const bits = random(1)

  for (let i = 0; i < 300; i++) {
    const bit = bits.next().value! % (ct.length * 8)
    await expect(talk.hear(asBob, flip(ct, bit), 'hello'), `bit ${bit}`).rejects.toMatchObject({
      name: 'Refusal',
    })
  }

  expect(textOf(await talk.hear(asBob, ct, 'hello'))).toBe('hello')
})

test('every shortening of a message, and a byte more, is refused', async () => {
  const { talk, asBob } = await threeMembers()
  const ct = await talk.say('hello')

  for (let length = 0; length < ct.length; length += 7) {
    await expect(talk.hear(asBob, ct.slice(0, length), 'hello')).rejects.toMatchObject({ name: 'Refusal' })
  }
  await expect(talk.hear(asBob, concat(ct, Uint8Array.of(0)), 'hello')).rejects.toMatchObject({
    reason: 'malformed',
  })
})

// --- Stored state ----------------------------------------------------------------------------------------

test('a state of another version of the library, or damaged, is refused as such', async () => {
  const { talk, asBob } = await threeMembers()
  const ct = await talk.say('hello')
  const other = asBob.slice()
  other.set(new TextEncoder().encode('9'), 4 + 'ts-mls '.length)

  for (const state of [other, asBob.slice(0, -1), concat(asBob, Uint8Array.of(0)), new Uint8Array()]) {
    await expect(talk.hear(state, ct, 'hello')).rejects.toMatchObject({ reason: 'state' })
  }
})

// --- Welcomes --------------------------------------------------------------------------------------------

/** Alice's session as she made it by her own rules; Bob knows the devices `known`. */
async function crafted(
  known: readonly TestDevice[],
  added: readonly TestDevice[],
  change?: (groupInfo: GroupInfo) => GroupInfo,
) {
  const [alice, bob] = known as [TestDevice, TestDevice]
  const packages = await Promise.all(
    added.map(({ member, seed }) => makeKeyPackage(member, seed, Date.now())),
  )
  const made = await openWith(
    alice,
    packages.map((keyPackage) => keyPackage.public),
    change,
  )
  const keyPackage = packages[added.indexOf(bob)]!
  return {
    ...made,
    keyPackage,
    joining: join({
      welcome: made.welcome,
      ratchet: made.ratchet,
      keyPackage,
      owner: alice.member,
      members: known.map(({ member }) => member),
    }),
  }
}

test('an honest Welcome made by the attacker’s tools is joined: the tests below fail for their reason', async () => {
  const known = [await device('alice/1'), await device('bob/1'), await device('bob/2')]

  await expect((await crafted(known, known.slice(1))).joining).resolves.toBeDefined()
})

test('a ghost in the Welcome is refused: a device on neither list', async () => {
  const known = [await device('alice/1'), await device('bob/1')]
  const ghosts = [await device('bob/2'), await device('carol/1')]

  for (const ghost of ghosts) {
    const { joining } = await crafted(known, [known[1]!, ghost])
    await expect(joining).rejects.toMatchObject({ reason: 'members' })
  }
})

test('a listed device with another key is refused', async () => {
  const [alice, bob, listed, fake] = [
    await device('alice/1'),
    await device('bob/1'),
    await device('bob/2'),
    await device('bob/2'),
  ]

  const { joining } = await crafted([alice, bob, listed], [bob, fake])

  await expect(joining).rejects.toMatchObject({ reason: 'members' })
})

test('a Welcome that leaves a listed device out is refused', async () => {
  const known = [await device('alice/1'), await device('bob/1'), await device('bob/2')]

  const { joining } = await crafted(known, [known[1]!])

  await expect(joining).rejects.toMatchObject({ reason: 'members' })
})

test('a device in a session twice is refused', async () => {
  const known = [await device('alice/1'), await device('bob/1')]
  const again = await device('bob/1')

  const { joining } = await crafted([...known, again], [known[1]!, again])

  await expect(joining).rejects.toMatchObject({ reason: 'members' })
})

test('a session in the name of another owner is refused', async () => {
  const [alice, bob] = [await device('alice/1'), await device('bob/1')]
  const talk = await session(alice, bob)

  await expect(talk.joinAs(0, { owner: bob.member })).rejects.toMatchObject({ reason: 'members' })
})

test('a Welcome under the id of another session is refused', async () => {
  const talk = await session(await device('alice/1'), await device('bob/1'))

  await expect(talk.joinAs(0, { ratchet: new Uint8Array(16) })).rejects.toMatchObject({ reason: 'malformed' })
})

test('a Welcome for others is told from a broken one', async () => {
  const bob = await device('bob/1')
  const talk = await session(await device('alice/1'), bob)
  const keyPackage = await makeKeyPackage(bob.member, bob.seed, Date.now())

  await expect(talk.joinAs(0, { keyPackage })).rejects.toMatchObject({ reason: 'not-for-us' })
})

const leaf = (groupInfo: GroupInfo) => groupInfo.extensions[0]!.extensionData as Uint8Array
const withTree = (groupInfo: GroupInfo, nodes: Uint8Array): GroupInfo => ({
  ...groupInfo,
  extensions: [{ ...groupInfo.extensions[0]!, extensionData: vector(nodes) } as GroupInfo['extensions'][0]],
})
/** The nodes of a tree without the length in front of them. */
const nodesOf = (groupInfo: GroupInfo) => leaf(groupInfo).slice(leaf(groupInfo)[0]! >> 6 === 1 ? 2 : 4)

const u32 = (value: number) => Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value)
/** A parent whose list of unmerged leaves names one far outside the tree: the library would walk to it for ever. */
const endlessParent = concat(
  Uint8Array.of(1, nodeTypes.parent),
  vector(new Uint8Array(1216)),
  vector(new Uint8Array(64)),
  vector(u32(2 ** 30)),
)

test('a tree with a parent in it is refused before the library walks it', async () => {
  const known = [await device('alice/1'), await device('bob/1')]

  const { joining } = await crafted(known, [known[1]!], (groupInfo) => {
    const nodes = nodesOf(groupInfo)
    // Two leaves of one length with a blank between them, whose place the parent takes.
    const half = (nodes.length - 1) / 2
    return withTree(groupInfo, concat(nodes.slice(0, half), endlessParent, nodes.slice(half + 1)))
  })

  await expect(joining).rejects.toMatchObject({ reason: 'members' })
})

test('a tree with thousands of leaves or blanks is refused before the library hashes it', async () => {
  const known = [await device('alice/1'), await device('bob/1')]

  for (const more of [new Uint8Array(30_000), undefined]) {
    const { joining } = await crafted(known, [known[1]!], (groupInfo) => {
      const nodes = nodesOf(groupInfo)
      return withTree(groupInfo, concat(nodes, more ?? concat(Uint8Array.of(0), nodes)))
    })
    await expect(joining).rejects.toMatchObject({ reason: 'members' })
  }
})

test('a Welcome with extensions of its group, or none at all, is refused', async () => {
  const known = [await device('alice/1'), await device('bob/1')]
  const extension = makeCustomExtension({ extensionType: 0x0a0a, extensionData: new Uint8Array() })
  const changes: ((groupInfo: GroupInfo) => GroupInfo)[] = [
    (it) => ({ ...it, groupContext: { ...it.groupContext, extensions: [extension] } }),
    (it) => ({ ...it, extensions: [...it.extensions, extension] }),
    (it) => ({ ...it, extensions: [extension] }),
  ]

  for (const change of changes) {
    await expect((await crafted(known, [known[1]!], change)).joining).rejects.toMatchObject({
      reason: 'members',
    })
  }
})

test('a Welcome of a later epoch, or signed by another leaf, is refused', async () => {
  const known = [await device('alice/1'), await device('bob/1')]
  const changes: ((groupInfo: GroupInfo) => GroupInfo)[] = [
    (it) => ({ ...it, groupContext: { ...it.groupContext, epoch: 2n } }),
    (it) => ({ ...it, signer: 1 }),
    (it) => ({ ...it, signer: 2 ** 32 - 1 }),
    (it) => ({ ...it, confirmationTag: it.confirmationTag.with(0, it.confirmationTag[0]! ^ 1) }),
  ]

  for (const change of changes) {
    await expect((await crafted(known, [known[1]!], change)).joining).rejects.toMatchObject({
      name: 'Refusal',
    })
  }
})

test('a Welcome of another suite is refused', async () => {
  const talk = await session(await device('alice/1'), await device('bob/1'))
  const welcome = talk.welcome.with(4, 0).with(5, 1) // after version and kind

  await expect(talk.joinAs(0, { welcome })).rejects.toMatchObject({ reason: 'suite' })
})

test('an oversized Welcome is refused unread', async () => {
  const talk = await session(await device('alice/1'), await device('bob/1'))

  const welcome = new Uint8Array(48 * 1024 + 1)

  await expect(talk.joinAs(0, { welcome })).rejects.toMatchObject({ reason: 'too-large' })
})

test('200 random flips of a bit in a Welcome: 200 refusals of our own kind', async () => {
  const talk = await session(await device('alice/1'), await device('bob/1'))
  const bits = random(2)

  for (let i = 0; i < 200; i++) {
    const bit = bits.next().value! % (talk.welcome.length * 8)
    await expect(talk.joinAs(0, { welcome: flip(talk.welcome, bit) }), `bit ${bit}`).rejects.toMatchObject({
      name: 'Refusal',
    })
  }
})

// --- Key packages ----------------------------------------------------------------------------------------

const opening = (
  self: TestDevice,
  others: readonly { of: TestDevice; keyPackage: OwnKeyPackage | Uint8Array }[],
) =>
  open({
    self: self.member,
    seed: self.seed,
    now: Date.now(),
    others: others.map(({ of, keyPackage }) => ({
      member: of.member,
      keyPackage: 'public' in keyPackage ? keyPackage.public : keyPackage,
    })),
  })

test('a package that the relay hands out for another device, or under another key, is not added', async () => {
  const [alice, bob, other] = [await device('alice/1'), await device('bob/1'), await device('bob/2')]
  const fake = await device('bob/1')
  const wrongDevice = await makeKeyPackage(other.member, other.seed, Date.now())
  const wrongKey = await makeKeyPackage(fake.member, fake.seed, Date.now())
  const signedByAnother = await makeKeyPackage(bob.member, fake.seed, Date.now())

  for (const keyPackage of [wrongDevice, wrongKey, signedByAnother]) {
    await expect(opening(alice, [{ of: bob, keyPackage }])).rejects.toMatchObject({ reason: 'key-package' })
  }
})

test('a package out of its lifetime, of another suite, too large or damaged is not added', async () => {
  const [alice, bob] = [await device('alice/1'), await device('bob/1')]
  const day = 24 * 60 * 60 * 1000
  const old = await makeKeyPackage(bob.member, bob.seed, Date.now() - 401 * day)
  const good = (await makeKeyPackage(bob.member, bob.seed, Date.now())).public

  await expect(opening(alice, [{ of: bob, keyPackage: old }])).rejects.toMatchObject({
    reason: 'key-package',
  })
  for (const [keyPackage, reason] of [
    [good.with(6, 0).with(7, 1), 'suite'],
    [new Uint8Array(5000), 'too-large'],
    [good.slice(0, -1), 'malformed'],
    [fromBase64(''), 'malformed'],
  ] as const) {
    await expect(opening(alice, [{ of: bob, keyPackage }])).rejects.toMatchObject({ reason })
  }
})

test('every flipped bit of a package keeps it from being added', async () => {
  const [alice, bob] = [await device('alice/1'), await device('bob/1')]
  const good = (await makeKeyPackage(bob.member, bob.seed, Date.now())).public
  const bits = random(3)

  for (let i = 0; i < 60; i++) {
    const bit = bits.next().value! % (good.length * 8)
    await expect(
      opening(alice, [{ of: bob, keyPackage: flip(good, bit) }]),
      `bit ${bit}`,
    ).rejects.toMatchObject({
      name: 'Refusal',
    })
  }
})

test('the same package twice is not added', async () => {
  const [alice, bob] = [await device('alice/1'), await device('bob/1')]
  const keyPackage = await makeKeyPackage(bob.member, bob.seed, Date.now())

  const twice = opening(alice, [
    { of: bob, keyPackage },
    { of: bob, keyPackage },
  ])

  await expect(twice).rejects.toMatchObject({ reason: 'key-package' })
})

test('unsealing needs no more than the stored state', async () => {
  const { talk, asBob } = await threeMembers()
  const { ratchet, owner, members } = talk
  const ct = await talk.say('hello')

  const opened = await unseal({ state: asBob, ct, aad: aad('hello'), ratchet, owner, members })

  expect(textOf(opened)).toBe('hello')
})
