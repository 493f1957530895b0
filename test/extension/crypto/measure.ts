/**
 * Times and sizes of the cryptography, in whatever runs it: Node, a page, a background. `run` returns milliseconds
 * (the median of some runs) and bytes; nothing of a platform is used.
 */
import { accountOf } from '#shared/account'
import { toBase64, utf8 } from '#shared/bytes'
import type { DeviceId } from '#shared/ids'
import {
  makeArchiveKey,
  makeGrant,
  makeRecoveryKey,
  openGrant,
} from '../../../extension/crypto/archive/grant.ts'
import { openSegment, sealSegment } from '../../../extension/crypto/archive/segment.ts'
import { makeKeyPackage } from '../../../extension/crypto/mls/key-package.ts'
import { makeMailbox, openMailbox, sealMailbox } from '../../../extension/crypto/mls/mailbox.ts'
import { join, open, seal, unseal } from '../../../extension/crypto/mls/session.ts'
import { suite } from '../../../extension/crypto/mls/suite.ts'

async function median(runs: number, step: (i: number) => unknown): Promise<number> {
  const times: number[] = []
  for (let i = 0; i < runs; i++) {
    const start = performance.now()
    await step(i)
    times.push(performance.now() - start)
  }
  return Math.round(times.toSorted((a, b) => a - b)[runs >> 1]! * 10) / 10
}

async function makeDevice(person: number, device: string) {
  const { signKey, publicKey } = await suite.signature.keygen()
  const acct = accountOf(new Uint8Array(32).fill(person))
  return {
    seed: signKey,
    member: { acct, device: device.padEnd(11, 'A') as DeviceId, dsk: toBase64(publicKey) },
  }
}

/** A session of `size` devices. */
async function sessions(size: number, runs: number) {
  const devices = await Promise.all(
    Array.from({ length: size }, (_, i) => makeDevice(1 + (i % 2), `device${i}`)),
  )
  const [self, ...others] = devices as [(typeof devices)[0], ...typeof devices]
  const packages = await Promise.all(
    others.map(({ member, seed }) => makeKeyPackage(member, seed, Date.now())),
  )
  const opening = {
    self: self.member,
    seed: self.seed,
    now: Date.now(),
    others: others.map(({ member }, i) => ({ member, keyPackage: packages[i]!.public })),
  }
  let opened = await open(opening)
  const openMs = await median(runs, async () => (opened = await open(opening)))

  const common = { ratchet: opened.ratchet, owner: self.member, members: devices.map(({ member }) => member) }
  let joined = new Uint8Array() as Uint8Array
  const joining = { ...common, welcome: opened.welcome, keyPackage: packages[0]! }
  const joinMs = await median(runs, async () => (joined = await join(joining)))

  const aad = new Uint8Array(32)
  let [own, theirs] = [opened.state, joined]
  const sealed: Uint8Array[] = []
  const sealMs = await median(runs * 5, async () => {
    const { state, ct } = await seal(own, self.seed, utf8('hello'), aad)
    own = state
    sealed.push(ct)
  })
  const unsealMs = await median(runs * 5, async (i) => {
    theirs = (await unseal({ ...common, state: theirs, ct: sealed[i]!, aad })).state
  })
  return {
    openMs,
    joinMs,
    sealMs,
    unsealMs,
    welcomeBytes: opened.welcome.length,
    ownStateBytes: opened.state.length,
    joinedStateBytes: joined.length,
    ownStateAfterBytes: own.length,
    joinedStateAfterBytes: theirs.length,
    ctBytes: sealed[0]!.length,
  }
}

export async function run(runs = 9) {
  const device = await makeDevice(1, 'device')
  let keyPackage = await makeKeyPackage(device.member, device.seed, Date.now())
  const keyPackageMs = await median(runs, async () => {
    keyPackage = await makeKeyPackage(device.member, device.seed, Date.now())
  })

  const key = makeArchiveKey()
  const mailbox = await makeMailbox(device.member.acct, Date.now())
  const box = await sealMailbox(mailbox, 1, key)
  const openMailboxMs = await median(runs, () => openMailbox(device.member.acct, box, key))

  const rows = Array.from({ length: 200 }, (_, i) => ({
    ts: i,
    id: crypto.randomUUID(),
    from: 'alice',
    text: `message ${i} about something or other, as people write: ${crypto.randomUUID()}`,
  }))
  let segment = await sealSegment(device.member.acct, 1, key, rows)
  const sealSegmentMs = await median(runs, async () => {
    segment = await sealSegment(device.member.acct, 1, key, rows)
  })
  const openSegmentMs = await median(runs, () => openSegment(device.member.acct, segment, key))

  const { rk, rkpub } = await makeRecoveryKey()
  const { acct, device: by, dsk } = device.member
  const sign = async (message: Uint8Array) => toBase64(await suite.signature.sign(device.seed, message))
  let grant = await makeGrant(acct, by, rkpub, { e: 1, key }, sign)
  const makeGrantMs = await median(runs, async () => {
    grant = await makeGrant(acct, by, rkpub, { e: 1, key }, sign)
  })
  const openGrantMs = await median(runs, () => openGrant(acct, grant, dsk, rk, suite.signature.verify))

  return {
    keyPackageMs,
    keyPackageBytes: keyPackage.public.length,
    secretBytes: keyPackage.secret.length,
    openMailboxMs,
    vboxChars: JSON.stringify(box).length,
    sealSegmentMs,
    openSegmentMs,
    segmentBytes: segment.ct.length,
    makeGrantMs,
    openGrantMs,
    grantChars: JSON.stringify(grant).length,
    rkpubChars: rkpub.length,
    members6: await sessions(6, runs),
    members18: await sessions(18, 3),
  }
}
