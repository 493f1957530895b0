/**
 * What the cryptography of a device has to do, timed in whatever runs this: Node, or a page of the extension. Nothing
 * of a platform is used but IndexedDB; where there is none, no archive is restored.
 */
import { v7 } from 'uuid'
import { accountOf } from '#shared/account'
import type { SealedSegment } from '#shared/archive'
import { toBase64, utf8 } from '#shared/bytes'
import type { DeviceId, EnvelopeId, UserId } from '#shared/ids'
import { deriveRoot } from '../../extension/account/derive.ts'
import { makeArchiveKey } from '../../extension/crypto/archive/grant.ts'
import { sealSegment } from '../../extension/crypto/archive/segment.ts'
import { makeKeyPackage } from '../../extension/crypto/mls/key-package.ts'
import { join, open, seal, unseal } from '../../extension/crypto/mls/session.ts'
import { suite } from '../../extension/crypto/mls/suite.ts'
import { openDb, type AccountRow, type MessageRow } from '../../extension/db/db.ts'
import { archivedMessage } from '../../extension/engine/archive-rows.ts'
import type { Requests } from '../../extension/engine/requests.ts'
import { createRestore } from '../../extension/engine/restore.ts'
import { createSegments } from '../../extension/engine/segments.ts'

export const rounds = { session: 15, message: 75, password: 3, restore: 3 }
const members = 6
const messageCount = 10_000
const perSegment = 200

/** Milliseconds, one by one. */
export type Times = Record<string, number[]>

export async function cryptoWork(say: (what: string) => void = () => {}): Promise<Times> {
  say('sessions')
  const sessions = await sessionTimes()
  say('passwords')
  const passwords = await timed(rounds.password, (round) =>
    deriveRoot({
      secret: `correct horse battery staple ${round}`,
      slot: 'pw',
      relayId: toBase64(new Uint8Array(32)),
      user: 'alice' as UserId,
      onProgress: () => {},
    }),
  )
  const times = { ...sessions, 'hash a password (Argon2id, 64 MiB, 3 passes)': passwords }
  if (typeof indexedDB === 'undefined') return times
  say('archives')
  return { ...times, [`restore ${messageCount.toLocaleString('en')} messages`]: await restoreTimes() }
}

async function timed(count: number, step: (round: number) => unknown): Promise<number[]> {
  const times: number[] = []
  for (let round = 0; round < count; round++) {
    const start = performance.now()
    await step(round)
    times.push(performance.now() - start)
  }
  return times
}

// --- Sessions ---------------------------------------------------------------------------------------------------

async function makeDevice(person: number, name: string) {
  const { signKey, publicKey } = await suite.signature.keygen()
  const acct = accountOf(new Uint8Array(32).fill(person))
  const device = name.padEnd(11, 'A') as DeviceId
  return { seed: signKey, member: { acct, device, dsk: toBase64(publicKey) } }
}

/** As if three devices of each of two people were in it. */
async function sessionTimes(): Promise<Times> {
  const devices = await Promise.all(
    Array.from({ length: members }, (_, i) => makeDevice(1 + (i % 2), `device${i}`)),
  )
  const [self, ...others] = devices as [(typeof devices)[0], ...typeof devices]
  const now = Date.now()
  const packages = await Promise.all(others.map(({ member, seed }) => makeKeyPackage(member, seed, now)))
  const packageTimes = await timed(rounds.session, () => makeKeyPackage(self.member, self.seed, now))

  const opening = {
    self: self.member,
    seed: self.seed,
    now,
    others: others.map(({ member }, i) => ({ member, keyPackage: packages[i]!.public })),
  }
  let opened = await open(opening)
  const openTimes = await timed(rounds.session, async () => (opened = await open(opening)))

  const common = { ratchet: opened.ratchet, owner: self.member, members: devices.map(({ member }) => member) }
  const joining = { ...common, welcome: opened.welcome, keyPackage: packages[0]! }
  let theirs = await join(joining)
  const joinTimes = await timed(rounds.session, async () => (theirs = await join(joining)))

  const aad = new Uint8Array(32)
  let own = opened.state
  const sealed: Uint8Array[] = []
  const sealTimes = await timed(rounds.message, async () => {
    const { state, ct } = await seal(own, self.seed, utf8('as long as what people write to each other'), aad)
    own = state
    sealed.push(ct)
  })
  const unsealTimes = await timed(rounds.message, async (round) => {
    theirs = (await unseal({ ...common, state: theirs, ct: sealed[round]!, aad })).state
  })
  return {
    'seal a message': sealTimes,
    'open a message': unsealTimes,
    [`open a new session, ${members} members`]: openTimes,
    'join it': joinTimes,
    'make a key package': packageTimes,
  }
}

// --- The archive ------------------------------------------------------------------------------------------------

/** By the engine itself, segment by segment into a database; only the relay that it asks is left out. */
async function restoreTimes(): Promise<number[]> {
  const [user, peer] = ['alice', 'bob'] as UserId[] as [UserId, UserId]
  const acct = accountOf(new Uint8Array(32).fill(1))
  const key = makeArchiveKey()
  const sealed = await sealedSegments(user, peer, acct, key)
  const requests = {
    askSegments: async () => ({
      type: 'segments',
      request: '',
      segments: sealed.map(({ ct, ...head }) => ({ ...head, chars: ct.length })),
    }),
    askSegment: async (segId: string) => sealed.find((one) => one.segId === segId)!,
  } as unknown as Requests

  const times: number[] = []
  for (let round = 0; round < rounds.restore; round++) {
    const db = openDb(`parley-bench-${round}`)
    const signed = {
      account: { user, acct } as AccountRow,
      db,
      timers: { now: () => Date.now(), after: () => () => {} },
      send: () => false,
      isWelcome: () => true,
    }
    await db.status.put({ key: 'restore', done: 0, total: 0 })
    const archiveKey = async () => toBase64(key)
    const secrets = () => Promise.reject(new Error('nothing is sealed here'))
    const segments = createSegments(signed, requests, { secrets, archiveKey })
    const restore = createRestore({ signed, segments, changed: async () => {} })
    const start = performance.now()
    const isDone = await restore.run()
    times.push(performance.now() - start)
    const count = await db.messages.count()
    if (!isDone || count !== messageCount) throw new Error(`${count} messages restored`)
    await db.delete()
  }
  return times
}

async function sealedSegments(
  user: UserId,
  peer: UserId,
  acct: Parameters<typeof sealSegment>[0],
  key: Uint8Array,
) {
  const now = Date.now()
  const rows = Array.from({ length: messageCount }, (_, i): MessageRow => {
    const ts = now - (messageCount - i) * 60_000
    const isMine = i % 2 === 0
    return {
      from: isMine ? user : peer,
      id: v7({ msecs: ts }) as EnvelopeId,
      peer,
      ts,
      seq: i + 1,
      direction: isMine ? 'out' : 'in',
      kind: 'message',
      content: {
        type: 'text',
        text: `Said as number ${i}, about as long as what people write to each other.`,
      },
      at: ts,
      ...(isMine && { state: 'stored' }),
    }
  })
  const segments: SealedSegment[] = []
  for (let from = 0; from < rows.length; from += perSegment) {
    const inside = rows.slice(from, from + perSegment).map((row) => archivedMessage('messages', row)!)
    const { ct, ...head } = await sealSegment(acct, 1, key, inside)
    segments.push({ ...head, kind: 'rows', ct: toBase64(ct) })
  }
  return segments
}
