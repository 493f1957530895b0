/** Devices with keys, and the sessions that they open; no relay, no database. */
import { accountOf } from '#shared/account'
import { fromBase64, toBase64, utf8 } from '#shared/bytes'
import type { DeviceId } from '#shared/ids'
import { makeKeyPackage } from '../../../../extension/crypto/mls/key-package.ts'
import type { Member } from '../../../../extension/crypto/mls/members.ts'
import { join, open, seal, unseal } from '../../../../extension/crypto/mls/session.ts'
import { suite } from '../../../../extension/crypto/mls/suite.ts'

export interface TestDevice {
  member: Member
  seed: Uint8Array
}

export const now = Date.parse('2026-12-01T12:00:00Z')
export const aad = (text: string): Uint8Array => new Uint8Array(32).fill(text.length)

const accounts = { alice: 1, bob: 2, carol: 3 }

/** `alice/1`: people and numbers of devices; `alice/@` is a mailbox. */
export async function device(name: `${keyof typeof accounts}/${number | '@'}`): Promise<TestDevice> {
  const [person, number] = name.split('/') as [keyof typeof accounts, string]
  const { signKey, publicKey } = await suite.signature.keygen()
  const id = number === '@' ? '@' : `${person}-device${number}`.slice(0, 10).padEnd(11, number)
  return {
    member: {
      acct: accountOf(new Uint8Array(32).fill(accounts[person])),
      device: id as DeviceId,
      dsk: toBase64(publicKey),
    },
    seed: signKey,
  }
}

/** A session of the first device with all others in it, each of which has joined. */
export async function session(...devices: readonly TestDevice[]) {
  const [owner, ...others] = devices as [TestDevice, ...TestDevice[]]
  const members = devices.map(({ member }) => member)
  const packages = await Promise.all(
    others.map(({ member, seed }) => makeKeyPackage(member, seed, Date.now())),
  )
  const opened = await open({
    self: owner.member,
    seed: owner.seed,
    others: others.map(({ member }, i) => ({ member, keyPackage: packages[i]!.public })),
    now: Date.now(),
  })
  const common = { ratchet: opened.ratchet, owner: owner.member, members }
  let own = opened.state

  return {
    ...opened,
    ...common,
    packages,
    joinAs: (index: number, changes: Partial<Parameters<typeof join>[0]> = {}) =>
      join({ ...common, welcome: opened.welcome, keyPackage: packages[index]!, ...changes }),
    say: async (text: string) => {
      const sealed = await seal(own, owner.seed, utf8(text), aad(text))
      own = sealed.state
      return sealed.ct
    },
    hear: (
      state: Uint8Array,
      ct: Uint8Array,
      text: string,
      changes: Partial<Parameters<typeof unseal>[0]> = {},
    ) => unseal({ ...common, state, ct, aad: aad(text), ...changes }),
  }
}

/** base64url with one bit of byte `at` changed. */
export function flipped(text: string, at = 5): string {
  const bytes = fromBase64(text)
  return toBase64(bytes.with(at, bytes[at]! ^ 1))
}

export const textOf = ({ content }: { content: Uint8Array }): string => new TextDecoder().decode(content)
