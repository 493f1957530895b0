/** People who write to each other all the time and stay connected, whatever happens to the relay or the network. */
import type { EnvelopeId } from '#shared/ids'
import { setFull, type Conversation, type SetFull } from './set-full.ts'
import { befriend, WireClient } from './wire-client.ts'

export interface Traffic {
  readonly people: readonly WireClient[]
  /** Resolves when so many more sends have been confirmed. */
  confirmations(count: number): Promise<void>
  /** Sends no more, waits until everything has arrived, and says what became of it. */
  end(): Promise<SetFull>
}

interface Options {
  pairs: number
  /** Where devices connect to, when that is not the relay itself. */
  through?: string
}

const inFlight = 8
const patienceMs = 60_000

export async function startTraffic(relay: string, { pairs, through = relay }: Options): Promise<Traffic> {
  const people = await Promise.all(
    Array.from({ length: 2 * pairs }, async (_, i) => {
      const { account, device } = await WireClient.signUp(relay, `person-${i}`)
      return new WireClient(through, account, device, { keepFrames: false })
    }),
  )
  await Promise.all(people.map((one) => one.connect()))
  for (let i = 0; i < people.length; i += 2) await befriend(people[i]!, people[i + 1]!)

  const run = { isEnding: false, isOver: false }
  let confirmed = 0
  let waiting: { at: number; resolve(): void }[] = []
  for (const one of people) {
    one.onFrame = (frame) => {
      if (frame.type !== 'ok') return
      confirmed++
      for (const { at, resolve } of waiting) if (confirmed >= at) resolve()
      waiting = waiting.filter(({ at }) => confirmed < at)
    }
  }
  const living = people.map(async (one) => {
    while (!run.isOver) {
      await one.closed
      if (!run.isOver) await one.connectPatiently(patienceMs)
    }
  })
  const conversations = people.map((from, i): Conversation & { ids: EnvelopeId[] } => ({
    from,
    to: people[i ^ 1]!,
    ids: [],
  }))
  const sending = conversations.map(async ({ from, to, ids }) => {
    while (!run.isEnding) {
      ids.push(from.send(to.user, `${from.user} says ${ids.length}`))
      if (from.outbox.length >= inFlight) await from.confirmed(from.outbox[0]!.id, patienceMs)
    }
    while (from.outbox.length > 0) await from.confirmed(from.outbox[0]!.id, patienceMs)
  })

  return {
    people,
    confirmations: (count) => new Promise((resolve) => waiting.push({ at: confirmed + count, resolve })),
    async end() {
      run.isEnding = true
      await Promise.all(sending)
      await Promise.all(
        conversations.map(({ from, to, ids }) =>
          to.entry(
            (entry) => entry.type === 'message' && entry.peer === from.user && entry.id === ids.at(-1),
            patienceMs,
          ),
        ),
      )
      const result = setFull(conversations)
      run.isOver = true
      await Promise.all(people.map((one) => one.close()))
      await Promise.all(living)
      return result
    },
  }
}
