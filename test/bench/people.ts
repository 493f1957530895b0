/** Who a load is made of. */
import type { RelayProcess } from '../support/processes.ts'
import { WireClient, type WireClientOptions } from '../support/wire-client.ts'

export async function peopleOf(
  relay: RelayProcess,
  name: string,
  count: number,
  options?: WireClientOptions,
): Promise<WireClient[]> {
  const people: WireClient[] = []
  const names = Array.from({ length: count }, (_, i) => `${name}-${i}`)
  await inGroups(names, 20, async (user, i) => {
    people[i] = await WireClient.signUp(relay.url, user, options)
  })
  return people
}

/** So many at a time. */
export async function inGroups<T>(
  items: readonly T[],
  atOnce: number,
  work: (item: T, index: number) => Promise<unknown>,
) {
  const left = [...items.entries()]
  const worker = async () => {
    for (let next = left.shift(); next; next = left.shift()) await work(next[1], next[0])
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
}

export function progress(text: string) {
  console.log(`… ${text}`)
}

export const rounded = (value: number) => Math.round(value * 10) / 10
