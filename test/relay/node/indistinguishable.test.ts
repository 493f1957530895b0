/**
 * What a person sees must not tell whether they wait, were rejected or are blocked (the table of features.md §5.3).
 * Here every frame that comes over a real socket is compared, and the time it takes, against the relay on Node.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { hashOf } from '#shared/account'
import type { Entry, ServerFrame } from '#shared/frames'
import { spawnRelay, type RelayProcess } from '../../support/processes.ts'
import { mulberry32 } from '../../support/seeded.ts'
import { befriend, WireClient } from '../../support/wire-client.ts'
import { testSettings } from '../host.contract.ts'

let relay: RelayProcess
let people = 0

// Many accounts and many pauses; on a busy machine everything is measured three times.
vi.setConfig({ testTimeout: 120_000 })

beforeAll(async () => {
  const env = { ...testSettings, PARLEY_WAITING_SOCKETS: '1000', PARLEY_LOG: 'error' }
  relay = await spawnRelay({ env })
}, 60_000)
afterAll(() => relay?.stop())

const nameFor = (who: string) => `${who}-${++people}`
async function connected(who: string) {
  const client = await WireClient.signUp(relay.url, nameFor(who))
  await client.connect()
  return client
}
const roster = (client: WireClient, operation: 'block' | 'reject' | 'withdraw', peer: string) =>
  client.ask({ type: 'roster', operation, peer })
const knock = (from: WireClient, to: string, text = 'may I?') => from.sendAndWait(to, text, { kind: 'knock' })
const asked = (bob: WireClient, alice: WireClient) =>
  bob.entry((entry) => entry.type === 'roster' && entry.peer === alice.user && entry.relation === 'asked')

// --- What comes -------------------------------------------------------------------------------------------

const byChance = new Set(['id', 'mark', 'nonce', 'epoch', 'acct', 'device', 'hash', 'now'])

/** The value without what differs by chance or by who it is: ids, marks, times, names. Fields keep their order. */
function plain(value: unknown, names: Record<string, string>): unknown {
  if (Array.isArray(value)) return value.map((one) => plain(one, names))
  if (typeof value === 'number') return value > 1e9 ? 'a time' : value
  if (typeof value === 'string') return /^[0-9a-f-]{36}$/.test(value) ? 'an id' : (names[value] ?? value)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, one]) => [key, byChance.has(key) ? typeof one : plain(one, names)]),
  )
}

const linesOf = (frames: readonly ServerFrame[], me: WireClient, them: string) =>
  frames.map((frame) => JSON.stringify(plain(frame, { [me.user]: 'me', [them]: 'them' })))

/** Until everything has come that rooms have to say to each other about it. */
const settled = () => pause(150)

/** Everything the sender is told from `begin` on: what it tries, a look at the log, and a device that starts anew. */
async function transcript(me: WireClient, them: string, attempts: () => Promise<unknown>) {
  await attempts()
  await settled()
  me.frame({ type: 'sync', request: 'all', after: 0, limit: 200 })
  await me.until((frame) => 'request' in frame && frame.request === 'all')
  const first = me.frames
  const anew = new WireClient(relay.url, me.account, me.device)
  anew.generation = me.generation
  await anew.connect()
  await settled()
  const lines = [...linesOf(first, me, them), ...linesOf(anew.frames, me, them)]
  await anew.close()
  return lines
}

/** What somebody may try who has knocked: all of it, in the same order. */
async function pester(alice: WireClient, bob: string) {
  const tries = (kind: 'message' | 'control' | 'accept' | 'knock') => alice.send(bob, 'let me in', { kind })
  for (const kind of ['message', 'control', 'accept', 'knock'] as const) {
    const id = tries(kind)
    await alice.until((frame) => frame.type === 'error' && frame.id === id)
  }
  alice.frame({ type: 'typing', to: bob as never, state: 'composing' })
  alice.frame({ type: 'read', peer: bob as never, ts: Date.now() })
  await roster(alice, 'withdraw', bob)
  await alice.sendAndWait(bob, 'and now?', { kind: 'knock' })
}

test('[RO4] [RO7] [RC4] [PR2] who waits, who was rejected and who is blocked are told the same', async () => {
  const cases: Record<string, (bob: WireClient, alice: WireClient) => Promise<unknown>> = {
    pending: async (bob, alice) => {
      await knock(alice, bob.user)
      await asked(bob, alice)
    },
    rejected: async (bob, alice) => {
      await cases.pending!(bob, alice)
      await roster(bob, 'reject', alice.user)
    },
    'blocked while pending': async (bob, alice) => {
      await cases.pending!(bob, alice)
      await roster(bob, 'block', alice.user)
    },
    'blocked before': async (bob, alice) => {
      await roster(bob, 'block', alice.user)
      await knock(alice, bob.user)
    },
  }
  const seen = await Promise.all(
    Object.entries(cases).map(async ([name, happen]) => {
      const [alice, bob] = await Promise.all([connected('alice'), connected('bob')])
      const lines = await transcript(alice, bob.user, async () => {
        await happen(bob, alice)
        // Whatever Bob does now is none of theirs.
        bob.frame({ type: 'typing', to: alice.user, state: 'composing' })
        bob.frame({ type: 'read', peer: alice.user, ts: Date.now() })
        bob.frame({ type: 'presence', mode: 'dnd', status: 'busy' })
        await pester(alice, bob.user)
      })
      return [name, lines] as const
    }),
  )

  const [[, first]] = seen as [(typeof seen)[0]]
  expect(first.length).toBeGreaterThan(15)
  expect(first.join('\n')).toContain('"relation":"asking"')
  for (const [name, lines] of seen) expect([name, lines]).toEqual([name, first])
})

test('[RO7] [RC4] [RC5] [PR2] a buddy who is blocked is told what a buddy is told of somebody absent', async () => {
  const cases: Record<string, (bob: WireClient, alice: WireClient) => Promise<unknown>> = {
    async absent(bob) {
      bob.frame({ type: 'leave' })
      await bob.closed
    },
    blocked: (bob, alice) => roster(bob, 'block', alice.user),
  }
  const seen = await Promise.all(
    Object.entries(cases).map(async ([name, happen]) => {
      const [alice, bob] = await Promise.all([connected('alice'), connected('bob')])
      await befriend(alice, bob)
      const sees = (show: string) => (frame: ServerFrame) =>
        frame.type === 'presence' && frame.peer === bob.user && frame.show === show
      await alice.until(sees('online'))
      await settled()
      alice.frames = []
      const lines = await transcript(alice, bob.user, async () => {
        await happen(bob, alice)
        await alice.until(sees('offline'), 15_000)
        if (name === 'blocked') {
          bob.frame({ type: 'typing', to: alice.user, state: 'composing' })
          bob.frame({ type: 'presence', activity: 'active', status: 'here I am' })
        }
        for (const kind of ['message', 'control', 'message'] as const) {
          await alice.sendAndWait(bob.user, 'are you there?', { kind })
          await settled()
          // A device that is there acknowledges and reads whatever it has.
          if (name === 'blocked') bob.frame({ type: 'read', peer: alice.user, ts: Date.now() })
        }
        alice.frame({ type: 'typing', to: bob.user, state: 'composing' })
        const again = alice.send(bob.user, 'knock', { kind: 'knock' })
        await alice.until((frame) => frame.type === 'error' && frame.id === again)
        await bob.addDevice()
        await alice.entry((entry) => entry.type === 'devices' && entry.peer === bob.user)
      })
      return [name, lines] as const
    }),
  )

  const [[, absent], [, blocked]] = seen as [(typeof seen)[0], (typeof seen)[0]]
  expect(absent.join('\n')).toContain('"show":"offline"')
  expect(blocked).toEqual(absent)
})

test('[RO14] [SN11] whom only a link reaches is told from nobody by no frame', async () => {
  const hidden = await connected('bob')
  await hidden.ask({ type: 'policy', reach: 'invite', invite: hashOf(new Uint8Array(16)) })
  const blocking = await connected('bob')
  await blocking.ask({ type: 'policy', reach: 'invite' })

  const seen = []
  for (const name of [hidden.user, nameFor('nobody'), blocking.user]) {
    const alice = await connected('alice')
    if (name === blocking.user) await roster(blocking, 'block', alice.user)
    const ended = async (id: string) =>
      alice.entry((entry) => entry.type === 'failed' && entry.id === id && entry.code === 'item-not-found')
    const lines = await transcript(alice, name, async () => {
      await ended(await knock(alice, name))
      await settled()
      await ended(
        await alice.sendAndWait(name, 'by a wrong link', { kind: 'knock', invite: 'A'.repeat(21) + 'Q' }),
      )
      await settled()
      await ended(await alice.sendAndWait(name, '', { kind: 'knock' }))
      await settled()
      await roster(alice, 'withdraw', name)
    })
    seen.push(lines)
  }

  expect(seen[0]!.length).toBeGreaterThan(10)
  expect(seen[1]).toEqual(seen[0])
  expect(seen[2]).toEqual(seen[0])
  expect([hidden, blocking].map(({ log }) => [...log.values()].some(isMessage))).toEqual([false, false])
})

const isMessage = ({ type }: Entry) => type === 'message'

// --- How long it takes ------------------------------------------------------------------------------------

type Samples = Map<string, number[]>

/** Does things in an order of chance, so that whatever slows the machine down slows all groups, and notes how long each takes. */
async function measure(
  samples: Samples,
  random: () => number,
  things: readonly (readonly [group: string, thing: () => Promise<unknown>])[],
) {
  for (const [group, thing] of shuffled(things, random)) {
    const begun = performance.now()
    await thing()
    samples.set(group, [...(samples.get(group) ?? []), performance.now() - begun])
    await pause(3) // what rooms still tell each other is nobody else's time
  }
}

function shuffled<T>(all: readonly T[], random: () => number): T[] {
  const rest = [...all]
  return all.map(() => rest.splice(Math.floor(random() * rest.length), 1)[0]!)
}

/** What `share` of the samples stays below; 0.5 gives the median. */
const quantile = (values: readonly number[], share: number) =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length * share)]!

/** In ms: the median of each group, and how much the samples within a group differ by themselves. */
interface Times {
  medians: Record<string, number>
  spread: number
}

function timesOf(samples: Samples): Times {
  const groups = [...samples.values()]
  const spreads = groups.map((values) => quantile(values, 0.75) - quantile(values, 0.25))
  return {
    medians: Object.fromEntries(Array.from(samples, ([group, values]) => [group, quantile(values, 0.5)])),
    spread: Math.max(...spreads),
  }
}

/** Groups may differ by half and by a millisecond, or as much as the samples of one group do on a busy machine. */
function areAlike({ medians, spread }: Times): boolean {
  const all = Object.values(medians)
  const [least, most] = [Math.min(...all), Math.max(...all)]
  return most - least <= Math.max(least / 2 + 1, spread)
}

/** Measures, and again at most twice should the medians differ: a machine may be busy, a leak is there each time. */
async function timesIn(
  measureAll: (samples: Samples, random: () => number) => Promise<void>,
): Promise<Times> {
  for (let attempt = 1; ; attempt++) {
    const samples: Samples = new Map()
    await measureAll(samples, mulberry32(attempt))
    const times = timesOf(samples)
    if (areAlike(times) || attempt === 3) return times
  }
}

/** The answer to the send, and the next one behind it: what the room does for it must not show there either. */
async function answered(alice: WireClient, to: string, kind: 'message' | 'knock') {
  alice.frames = []
  await alice.sendAndWait(to, 'hello', { kind })
  await alice.ask({ type: 'sync', after: alice.head, limit: 1 })
}

const senders = 8

test('[RO4] [RO7] a knock is answered as fast when it is swallowed as when it is shown', async () => {
  const taken = await timesIn(async (samples, random) => {
    const [open, rejects, blocks, blocked] = await Promise.all(
      ['open', 'rejects', 'blocks', 'blocked'].map(connected),
    )
    const strangers: [WireClient, WireClient][] = []
    for (let i = 0; i < senders; i++) {
      const [alice, carol] = await Promise.all([connected('alice'), connected('carol')])
      await knock(alice, rejects!.user)
      await asked(rejects!, alice)
      await roster(rejects!, 'reject', alice.user)
      await roster(alice, 'withdraw', rejects!.user)
      await knock(carol, blocks!.user)
      await asked(blocks!, carol)
      await roster(blocks!, 'block', carol.user)
      await roster(carol, 'withdraw', blocks!.user)
      for (const one of [alice, carol]) await roster(blocked!, 'block', one.user)
      strangers.push([alice, carol])
    }
    // Their devices would take time of this process, which measures.
    await Promise.all([open, rejects, blocks, blocked].map((one) => one!.close()))
    await settled()

    for (const [alice, carol] of strangers) {
      await measure(samples, random, [
        ['pending', () => answered(alice, open!.user, 'knock')],
        ['rejected', () => answered(alice, rejects!.user, 'knock')],
        ['blocked before', () => answered(alice, blocked!.user, 'knock')],
        ['pending', () => answered(carol, open!.user, 'knock')],
        ['blocked while pending', () => answered(carol, blocks!.user, 'knock')],
        ['blocked before', () => answered(carol, blocked!.user, 'knock')],
      ])
    }
  })

  expect(taken).toSatisfy(areAlike)
})

test('[RO7] a message to somebody who has blocked me is answered as fast as one to somebody absent', async () => {
  const taken = await timesIn(async (samples, random) => {
    const [absent, blocking] = await Promise.all([connected('absent'), connected('blocking')])
    const alices = await Promise.all(Array.from({ length: 4 }, () => connected('alice')))
    for (const alice of alices) {
      await befriend(alice, absent)
      await befriend(alice, blocking)
      await roster(blocking, 'block', alice.user)
    }
    await Promise.all([absent.close(), blocking.close()])
    await settled()

    for (const alice of alices) {
      const times = Array.from({ length: 15 })
      await measure(samples, random, [
        ...times.map(() => ['absent', () => answered(alice, absent.user, 'message')] as const),
        ...times.map(() => ['blocked', () => answered(alice, blocking.user, 'message')] as const),
      ])
    }
  })

  expect(taken).toSatisfy(areAlike)
})

test('[KY9] a claim is refused as fast for a closed door as for an unknown name', async () => {
  const taken = await timesIn(async (samples, random) => {
    const hidden = await connected('bob')
    await hidden.ask({ type: 'policy', reach: 'invite', invite: hashOf(new Uint8Array(16)) })
    const zoe = nameFor('zoe')
    const refused = async (alice: WireClient, peer: string) => {
      const answer = await alice.ask({ type: 'claim', peer, after: 0, packages: true })
      expect(answer).toMatchObject({ code: 'item-not-found' })
    }
    for (let i = 0; i < 2 * senders; i++) {
      const alice = await connected('alice')
      const times = Array.from({ length: 5 })
      await measure(samples, random, [
        ...times.map(() => ['hidden', () => refused(alice, hidden.user)] as const),
        ...times.map(() => ['unknown', () => refused(alice, zoe)] as const),
      ])
    }
  })

  expect(taken).toSatisfy(areAlike)
})

test('[RO14] "nobody reachable" takes as long for a closed door as for an unknown name', async () => {
  const taken = await timesIn(async (samples, random) => {
    const hidden = await connected('bob')
    await hidden.ask({ type: 'policy', reach: 'invite', invite: hashOf(new Uint8Array(16)) })
    await hidden.close()
    const nobody = nameFor('nobody')
    const refused = async (alice: WireClient, name: string) => {
      const id = alice.send(name, 'hello', { kind: 'knock' })
      await alice.entry((entry) => entry.type === 'failed' && entry.id === id)
    }
    for (let i = 0; i < 2 * senders; i++) {
      const alice = await connected('alice')
      await measure(samples, random, [
        ['hidden', () => refused(alice, hidden.user)],
        ['unknown', () => refused(alice, nobody)],
        ['hidden', () => refused(alice, hidden.user)],
        ['unknown', () => refused(alice, nobody)],
      ])
    }
  })

  expect(taken).toSatisfy(areAlike)
})
