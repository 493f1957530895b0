import { expect, test } from 'vitest'
import { accountOf } from '#shared/account'
import { fromBase64, toBase64 } from '#shared/bytes'
import type { DeviceId, EnvelopeId } from '#shared/ids'
import { limits } from '#shared/limits'
import {
  openMessage,
  sealMessage,
  type Envelope,
  type Opening,
  type Sealing,
} from '../../../../extension/crypto/mls/message.ts'
import { contentBytesMax } from '../../../../extension/crypto/mls/padding.ts'
import { decodePayload } from '../../../../extension/crypto/mls/payload.ts'
import { device, session } from './devices.ts'

const id = (last: number) => `018bcfe5-6800-7123-89ab-0123456789${last}` as EnvelopeId
const content = { type: 'text', text: 'hello' }
const [alice, bob] = [await device('alice/1'), await device('bob/1')]
const talk = await session(alice, await device('alice/2'), bob)
const envelope: Envelope = {
  relayId: toBase64(new Uint8Array(32).fill(7)),
  id: id(10),
  kind: 'message',
  from: alice.member,
  to: bob.member.acct,
  lists: { own: toBase64(new Uint8Array(32).fill(4)), peer: toBase64(new Uint8Array(32).fill(5)) },
}
const own = { state: talk.state, ratchet: talk.ratchet, welcome: talk.welcome }

const sealed = (changes: Partial<Sealing> = {}) =>
  sealMessage({ envelope, n: 1, content, session: own, seed: alice.seed, ...changes })
const opened = (payload: string, changes: Partial<Opening> = {}) =>
  openMessage({
    envelope,
    payload: decodePayload(payload),
    members: talk.members,
    session: { welcome: talk.welcome, keyPackage: talk.packages[1]! },
    ...changes,
  })

test('a message travels with its Welcome, the next ones without', async () => {
  const one = await sealed()
  const next = { ...envelope, id: id(11) }
  const two = await sealed({ envelope: next, n: 2, session: { state: one.state, ratchet: talk.ratchet } })

  const first = await opened(one.payload)
  const second = await opened(two.payload, { envelope: next, session: { state: first.state } })

  expect(first).toMatchObject({ mid: id(10), n: 1, content })
  expect(second).toMatchObject({ mid: id(11), n: 2, content })
  expect(decodePayload(one.payload).welcome).toEqual(talk.welcome)
  expect(two.payload.length).toBeLessThan(700)
})

test('a message that is sealed again keeps its id, under an envelope of its own', async () => {
  const { payload } = await sealed({ envelope: { ...envelope, id: id(12) }, resendOf: id(10) })

  expect(await opened(payload, { envelope: { ...envelope, id: id(12) } })).toMatchObject({ mid: id(10) })
  expect(decodePayload(payload).resendOf).toBe(id(10))
})

test('a repetition cannot be passed off as a message of its own', async () => {
  const changed = { ...envelope, id: id(12) }
  const { payload } = await sealed({ envelope: changed, resendOf: id(10) })
  const { resendOf: _, ...without } = decodePayload(payload)

  await expect(opened(payload, { envelope: changed, payload: without })).rejects.toMatchObject({
    reason: 'envelope',
  })
})

test('a message under an envelope with any field exchanged is refused', async () => {
  const { payload } = await sealed()
  const changes: Partial<Envelope>[] = [
    { relayId: toBase64(new Uint8Array(32)) },
    { id: id(11) },
    { kind: 'control' },
    { from: bob.member },
    { from: { ...alice.member, device: 'BBBBBBBBBBB' as DeviceId } },
    { to: accountOf(new Uint8Array(32)) },
    { lists: { ...envelope.lists, own: envelope.lists.peer } },
    { lists: { ...envelope.lists, peer: '' } },
  ]

  for (const change of changes) {
    const opening = opened(payload, { envelope: { ...envelope, ...change } })
    await expect(opening).rejects.toMatchObject({
      reason: change.from ? 'members' : 'envelope',
    })
  }
})

test('every flipped byte of a payload is refused by a Refusal', async () => {
  const bytes = fromBase64((await sealed({ session: { state: talk.state, ratchet: talk.ratchet } })).payload)
  const state = await talk.joinAs(1)
  const openText = async (text: string) => opened(text, { session: { state } })

  for (let at = 0; at < bytes.length; at++) {
    const changed = toBase64(bytes.with(at, bytes[at]! ^ (1 << (at % 8))))
    await expect(openText(changed), `byte ${at}`).rejects.toMatchObject({ name: 'Refusal' })
  }
  expect(await openText(toBase64(bytes))).toMatchObject({ content })
})

test('the longest content does not fit beside the largest Welcome: it is said before anything is lost', async () => {
  const welcome = new Uint8Array(48 * 1024)
  const text = 'x'.repeat(contentBytesMax - 200)

  const long = sealed({ content: { type: 'text', text } as { type: string }, session: { ...own, welcome } })

  await expect(long).rejects.toMatchObject({ reason: 'too-large' })
})

test('a text of the greatest length in any script fits beside the largest Welcome', async () => {
  const welcome = new Uint8Array(48 * 1024)
  const text = '😀'.repeat(limits.messageCharsMax)

  const { payload } = await sealed({
    content: { type: 'text', text } as { type: string },
    session: { ...own, welcome },
  })

  expect(payload.length).toBeLessThanOrEqual(limits.payloadBytesMax)
})
