/** What honest people feel while somebody attacks their relay, and what the attack costs it. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { endGroup, spawnGroup } from '../support/group.ts'
import { spawnRelay, type RelayProcess } from '../support/processes.ts'
import { befriend, WireClient } from '../support/wire-client.ts'
import { keepToLoadCore, onRelayCore, pinning } from './cores.ts'
import { cpuSecondsOf, memoryBytesOf, percentile } from './load.ts'
import type { Table } from './main.ts'
import { rounded } from './people.ts'

const attacks = [
  'half-open sockets',
  'silent connections',
  'giant frames',
  'a flood of frames',
  'unread answers',
  'sign-ups',
  'guessed passwords',
  'knocks and flapping',
  'blob floods',
]
const pairs = 10
const perSecond = 4
const attackMs = 10_000

export async function benchAbuse(): Promise<Table[]> {
  const data = mkdtempSync(join(tmpdir(), 'parley-bench-'))
  keepToLoadCore()
  // The limits are those that an operator gets who sets nothing, but for making accounts: all of this are some forty.
  const env = {
    PARLEY_POW_BITS: '0',
    PARLEY_REGISTRATIONS_PER_DAY: '60',
    PARLEY_REQUESTS_PER_MINUTE: '600',
    PARLEY_SOCKETS_PER_ADDRESS: '500',
    PARLEY_SOCKETS: '20000',
    PARLEY_FRAMES_PER_SECOND: '50',
    PARLEY_WAITING_IN_ALL: '1000',
    PARLEY_LOG: 'error',
  }
  const relay = await spawnRelay({ data, env, under: onRelayCore })
  try {
    const people = await Promise.all(
      Array.from({ length: 2 * pairs }, (_, i) =>
        WireClient.signUp(relay.url, `honest-${i}`, { keepFrames: false }),
      ),
    )
    for (const one of people) await one.connect()
    for (let i = 0; i < people.length; i += 2) await befriend(people[i]!, people[i + 1]!)
    await talk(relay, people, 3000) // warm
    const before = await talk(relay, people, attackMs)
    const talks: Attacked[] = [{ attack: 'none', talked: before, bytes: memoryBytesOf(relay.pid) }]
    for (const attack of attacks) {
      console.log(`… ${attack}`)
      talks.push(await underAttack(relay, people, attack))
      await pause(6000) // limits and memory recover
    }
    const after = await talk(relay, people, attackMs)
    talks.push({ attack: 'none, afterwards', talked: after, bytes: memoryBytesOf(relay.pid) })
    // A machine is not the same all the time: what is quiet is measured at both ends.
    const quiet = [...before.times, ...after.times].toSorted((a, b) => a - b)
    const rows = talks.map((one) => rowOf(one, percentile(quiet, 0.99)))
    await Promise.all(people.map((one) => one.drop()))
    return [
      {
        title: `Under attack: ${pairs} honest pairs, ${perSecond} messages a second from each; send to arrival`,
        notes: [
          pinning,
          'The attacker is a process of its own that gets what honest people leave of theirs: some of the ratio is that.',
          'Ratio: to the p99 of both quiet rows together. Relay CPU: of one core, honest people included.',
        ],
        rows,
      },
    ]
  } finally {
    await relay.stop()
    rmSync(data, { recursive: true, force: true })
  }
}

interface Attacked {
  attack: string
  talked: Talk
  /** The most that the relay had. */
  bytes: number
  /** What became of the attack; without one, nothing. */
  told?: { tries: number; answers: Record<string, number> }
}

async function underAttack(
  relay: RelayProcess,
  people: readonly WireClient[],
  attack: string,
): Promise<Attacked> {
  // It would have a machine of its own: it gets what honest people leave of theirs.
  const attacker = spawnGroup([
    'nice',
    '-n',
    '19',
    process.execPath,
    join(import.meta.dirname, 'attacker.ts'),
    relay.url,
    attack,
    String(attackMs),
  ])
  let said = ''
  attacker.stdout.on('data', (text: Buffer) => (said += text))
  attacker.stderr.on('data', (text: Buffer) => console.error(String(text)))
  const ended = new Promise((done) => attacker.once('exit', done))
  await pause(1500) // it has to start, and sign up
  let bytes = 0
  const watching = setInterval(() => (bytes = Math.max(bytes, memoryBytesOf(relay.pid))), 200)
  const talked = await talk(relay, people, attackMs - 2500)
  clearInterval(watching)
  await Promise.race([ended, pause(attackMs)])
  await endGroup(attacker)
  // Without a word from it the row would look harmless.
  const told = said === '' ? { tries: 0, answers: { 'the attack failed': 1 } } : JSON.parse(said)
  return { attack, talked, bytes, told }
}

interface Talk {
  /** From send to arrival, sorted. */
  times: number[]
  /** What the relay used meanwhile, of one core. */
  cpuShare: number
}

function rowOf({ attack, talked: { times, cpuShare }, bytes, told }: Attacked, quietP99: number) {
  const p99 = percentile(times, 0.99)
  return {
    attack,
    messages: times.length,
    'p50 ms': rounded(percentile(times, 0.5)),
    'p99 ms': rounded(p99),
    ratio: rounded(p99 / quietP99),
    'relay CPU': `${Math.round(cpuShare * 100)} %`,
    'relay MB': Math.round(bytes / 1_000_000),
    tries: told?.tries ?? 0,
    answers: Object.entries(told?.answers ?? {})
      .map(([answer, count]) => `${answer}: ${count}`)
      .join(', '),
  }
}

/** Everybody writes to their buddy for so long; how long each message took, sorted. @throws when one got lost */
async function talk(relay: RelayProcess, people: readonly WireClient[], ms: number): Promise<Talk> {
  const [startedAt, cpuBefore] = [performance.now(), cpuSecondsOf(relay.pid)]
  const sentAt = new Map<string, number>()
  const times: number[] = []
  for (const one of people) {
    one.onFrame = (frame) => {
      if (frame.type !== 'deliver') return
      for (const entry of frame.entries) {
        if (entry.type !== 'message' || entry.direction !== 'in') continue
        const at = sentAt.get(entry.id)
        if (at !== undefined && sentAt.delete(entry.id)) times.push(performance.now() - at)
      }
    }
  }
  const endsAt = performance.now() + ms
  await Promise.all(
    people.map(async (one, i) => {
      await pause(Math.random() * (1000 / perSecond))
      for (let n = 0; performance.now() < endsAt; n++) {
        const begun = performance.now()
        sentAt.set(one.send(people[i ^ 1]!.user, `${n} ${'A'.repeat(300)}`), begun)
        await pause(1000 / perSecond)
      }
    }),
  )
  const giveUpAt = performance.now() + 10_000
  while (sentAt.size > 0 && performance.now() < giveUpAt) await pause(10)
  if (sentAt.size > 0) throw new Error(`${sentAt.size} messages did not arrive`)
  const cpuShare = (cpuSecondsOf(relay.pid) - cpuBefore) / ((performance.now() - startedAt) / 1000)
  return { times: times.toSorted((a, b) => a - b), cpuShare }
}
