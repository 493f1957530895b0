/** A transaction as data, so that it can be sent to a store that lives in another process. */
import type { Tx } from '../../../relay/core/ports.ts'

export type Range = Parameters<Tx['list']>[0]

export type Step =
  | { do: 'get'; key: string }
  | { do: 'getMany'; keys: string[] }
  | { do: 'list'; range: Range }
  | { do: 'put'; key: string; value: unknown }
  | { do: 'delete'; key: string }
  | { do: 'wakeAt'; at: number }
  | { do: 'fail' }

/** Runs the steps; returns what each reading one found. */
export async function apply(tx: Tx, steps: readonly Step[]): Promise<unknown[]> {
  const found: unknown[] = []
  for (const step of steps) {
    if (step.do === 'get') found.push((await tx.get(step.key)) ?? null)
    else if (step.do === 'getMany') found.push([...(await tx.getMany(step.keys))])
    else if (step.do === 'list') found.push(await tx.list(step.range))
    else if (step.do === 'put') tx.put(step.key, step.value)
    else if (step.do === 'delete') tx.delete(step.key)
    else if (step.do === 'wakeAt') tx.wakeAt(step.at)
    else throw new Error('the transaction fails')
  }
  return found
}
