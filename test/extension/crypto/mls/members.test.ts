import { defaultCredentialTypes, type LeafNode } from 'ts-mls'
import { expect, test } from 'vitest'
import type { DeviceList } from '#shared/account'
import { fromBase64 } from '#shared/bytes'
import {
  credentialOf,
  membersOf,
  nameIn,
  pinned,
  requireMembers,
  type Member,
} from '../../../../extension/crypto/mls/members.ts'
import { device } from './devices.ts'

const people = [
  await device('alice/1'),
  await device('alice/@'),
  await device('bob/1'),
  await device('bob/@'),
]
const members = people.map(({ member }) => member)
const [alice, alicesMailbox, bob, bobsMailbox] = members as [Member, Member, Member, Member]

const list = (acct: Member['acct'], devices: readonly Member[]) =>
  ({ acct, devices: devices.map(({ device: id, dsk }) => ({ id, dsk })) }) as unknown as DeviceList
const leaf = (member: Member) =>
  ({ credential: credentialOf(member), signaturePublicKey: fromBase64(member.dsk) }) as unknown as LeafNode
const check = (...leaves: readonly Member[]) => requireMembers(leaves.map(leaf), alice, members)

test('the members of a session are all devices of both lists', () => {
  const lists = [list(alice.acct, [alice, alicesMailbox]), list(bob.acct, [bob, bobsMailbox])]

  expect(membersOf(...lists)).toEqual(members)
})

test('only mailbox devices may be missing from a session', () => {
  expect(() => check(alice, alicesMailbox, bob, bobsMailbox)).not.toThrow()
  expect(() => check(alice, bob, bobsMailbox)).not.toThrow()
  expect(() => check(alice, bob)).not.toThrow()
  expect(() => check(alice, alicesMailbox, bobsMailbox)).toThrow('left out')
})

test('the owner comes first, and nobody comes twice', () => {
  expect(() => check(bob, alice)).toThrow('the session is')
  expect(() => check(alice, bob, bob)).toThrow('twice')
})

test('who is a member is decided by name and key together', async () => {
  let strangers = 0
  const service = pinned(members, () => strangers++)
  const key = fromBase64(bob.dsk)

  expect(await service.validateCredential(credentialOf(bob), key)).toBe(true)
  expect(await service.validateCredential(credentialOf(bob), fromBase64(alice.dsk))).toBe(false)
  expect(await service.validateCredential(credentialOf(alice), key)).toBe(false)
  expect(await service.validateCredential({ ...credentialOf(bob), identity: Uint8Array.of(0xff) }, key)).toBe(
    false,
  )
  expect(strangers).toBe(3)
})

test('other kinds of credential have no name', () => {
  expect(nameIn({ credentialType: defaultCredentialTypes.x509, certificates: [] })).toBeUndefined()
})
