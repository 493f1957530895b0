/** One direction of a pair under load, whatever carries it, and how its messages are counted and timed. */
import { readFileSync } from 'node:fs'

export interface Link {
  /** Sends one message; `arrived` is called with its number when the other side has it. */
  send(number: number): void
  /** How many sends are not confirmed yet. */
  unconfirmed(): number
  onConfirmed: () => void
  onArrived: (number: number) => void
}

export interface Result {
  messages: number
  seconds: number
  /** Of the relay's process; NaN where the system does not tell. */
  cpuSeconds: number
  /** From send to arrival, sorted, in milliseconds. */
  latencies: number[]
}

/** Below the window of 32 that the protocol allows. */
const inFlightMax = 16

/** All at once, as fast as it goes: how much the relay can take. */
export async function burst(links: readonly Link[], each: number, pid: number): Promise<Result> {
  return measured(links, each, pid, async (link, send) => {
    let sent = 0
    const fill = () => {
      while (sent < each && link.unconfirmed() < inFlightMax) {
        send(sent)
        sent += 1
      }
    }
    link.onConfirmed = fill
    fill()
  })
}

/** So many a second from each, spread evenly: what people feel. */
export async function steady(
  links: readonly Link[],
  each: number,
  perSecond: number,
  pid: number,
): Promise<Result> {
  return measured(links, each, pid, async (_, send) => {
    await pause(Math.random() * (1000 / perSecond))
    for (let i = 0; i < each; i++) {
      send(i)
      await pause(1000 / perSecond)
    }
  })
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

async function measured(
  links: readonly Link[],
  each: number,
  pid: number,
  drive: (link: Link, send: (number: number) => void) => Promise<void>,
): Promise<Result> {
  const latencies: number[] = []
  const messages = links.length * each
  const cpuBefore = cpuSecondsOf(pid)
  const startedAt = performance.now()
  await new Promise<void>((done, fail) => {
    const late = setTimeout(
      () => fail(new Error(`${messages - latencies.length} messages did not arrive`)),
      60_000,
    )
    for (const link of links) {
      const sentAt: number[] = []
      link.onArrived = (number) => {
        latencies.push(performance.now() - sentAt[number]!)
        if (latencies.length < messages) return
        clearTimeout(late)
        done()
      }
      void drive(link, (number) => {
        sentAt[number] = performance.now()
        link.send(number)
      })
    }
  })
  const seconds = (performance.now() - startedAt) / 1000
  const cpuSeconds = cpuSecondsOf(pid) - cpuBefore
  return { messages, seconds, cpuSeconds, latencies: latencies.toSorted((a, b) => a - b) }
}

export const percentile = (sorted: readonly number[], share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN

/** User and system time, from Linux; elsewhere nobody tells as simply. */
export function cpuSecondsOf(pid: number): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ')
    return (Number(fields[11]) + Number(fields[12])) / 100
  } catch {
    return NaN
  }
}

export function memoryBytesOf(pid: number): number {
  try {
    const kilobytes = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
    return Number(kilobytes) * 1024
  } catch {
    return NaN
  }
}
