import { expect, test } from 'vitest'
import { toBase64, utf8 } from '#shared/bytes'
import { makeKeyPackage } from '../../../../extension/crypto/mls/key-package.ts'
import { open, seal } from '../../../../extension/crypto/mls/session.ts'
import { aad, device, now, session, textOf } from './devices.ts'

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const day = 24 * 60 * 60 * 1000

test('what the owner says is opened by every member, each for itself', async () => {
  const talk = await session(await device('alice/1'), await device('alice/2'), await device('bob/1'))
  const states = [await talk.joinAs(0), await talk.joinAs(1)]

  const ct = await talk.say('hello')

  for (const state of states) expect(textOf(await talk.hear(state, ct, 'hello'))).toBe('hello')
})

test('messages open in any order, each once', async () => {
  const talk = await session(await device('alice/1'), await device('bob/1'))
  let state = await talk.joinAs(0)
  const texts = ['one', 'two', 'three', 'four', 'five']
  const sealed: Uint8Array[] = []
  for (const text of texts) sealed.push(await talk.say(text))

  const opened: string[] = []
  for (const i of [4, 2, 3, 0, 1]) {
    const result = await talk.hear(state, sealed[i]!, texts[i]!)
    opened.push(textOf(result))
    state = result.state
  }

  expect(opened).toEqual(['five', 'three', 'four', 'one', 'two'])
  await expect(talk.hear(state, sealed[2]!, 'three')).rejects.toMatchObject({ reason: 'replay' })
})

test('hundreds of skipped messages stay readable', async () => {
  const talk = await session(await device('alice/1'), await device('bob/1'))
  const joined = await talk.joinAs(0)
  const first = await talk.say('first')
  for (let i = 0; i < 199; i++) await talk.say('skipped')
  const last = await talk.say('last')

  const ahead = await talk.hear(joined, last, 'last')

  expect(textOf(await talk.hear(ahead.state, first, 'first'))).toBe('first')
})

test('a refused message changes nothing: the old state opens the next one', async () => {
  const talk = await session(await device('alice/1'), await device('bob/1'))
  const state = await talk.joinAs(0)
  const before = toBase64(state)
  const ct = await talk.say('hello')

  await expect(talk.hear(state, ct.with(ct.length - 1, ct.at(-1)! ^ 1), 'hello')).rejects.toThrow(
    'undecryptable',
  )

  expect(toBase64(state)).toBe(before)
  expect(textOf(await talk.hear(state, ct, 'hello'))).toBe('hello')
})

test('content of very different lengths is sealed in one size', async () => {
  const talk = await session(await device('alice/1'), await device('bob/1'))

  const sizes = [await talk.say(''), await talk.say('x'.repeat(252)), await talk.say('x'.repeat(253))].map(
    ({ length }) => length,
  )

  expect(sizes).toEqual([434, 434, 690])
})

test('no stored state holds the key that signs', async () => {
  const [alice, bob] = [await device('alice/1'), await device('bob/1')]
  const talk = await session(alice, bob)
  const { state } = await seal(talk.state, alice.seed, utf8('hello'), aad('hello'))

  for (const stored of [talk.state, state]) expect(hex(stored)).not.toContain(hex(alice.seed))
  expect(hex(await talk.joinAs(0))).not.toContain(hex(bob.seed))
  expect(hex(talk.packages[0]!.secret)).not.toContain(hex(bob.seed))
})

test('a session whose owner keeps no history leaves the mailbox devices out', async () => {
  const devices = [await device('alice/1'), await device('bob/1')]
  const mailboxes = [await device('alice/@'), await device('bob/@')]
  const talk = await session(...devices)
  const members = [...devices, ...mailboxes].map(({ member }) => member)

  const state = await talk.joinAs(0, { members })

  expect(textOf(await talk.hear(state, await talk.say('hello'), 'hello', { members }))).toBe('hello')
})

test('the largest session, 8 devices and a mailbox on each side, has a Welcome that may be sent', async () => {
  const numbers = [1, 2, 3, 4, 5, 6, 7, 8, '@'] as const
  const devices = [
    ...(await Promise.all(numbers.map((number) => device(`alice/${number}`)))),
    ...(await Promise.all(numbers.map((number) => device(`bob/${number}`)))),
  ]

  const { welcome } = await session(...devices)

  expect(welcome.length).toBeLessThanOrEqual(48 * 1024)
})

test.each([16, 300])('a key package %i days old can still be added', async (age) => {
  const [alice, bob] = [await device('alice/1'), await device('bob/1')]
  const keyPackage = await makeKeyPackage(bob.member, bob.seed, Date.now() - age * day)

  const opening = open({
    self: alice.member,
    seed: alice.seed,
    others: [{ member: bob.member, keyPackage: keyPackage.public }],
    now: Date.now(),
  })

  await expect(opening).resolves.toBeDefined()
})

test.each([2, 20])('a sender whose clock is %i days behind can still open a session', async (days) => {
  const [alice, bob] = [await device('alice/1'), await device('bob/1')]
  const keyPackage = await makeKeyPackage(bob.member, bob.seed, Date.now() + days * day)

  const opening = open({
    self: alice.member,
    seed: alice.seed,
    others: [{ member: bob.member, keyPackage: keyPackage.public }],
    now,
  })

  await expect(opening).resolves.toBeDefined()
})
