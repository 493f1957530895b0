/** Looks for a history in which a deliberate mistake shows. */
import { mutants, type Mutant, type MutantName } from './mutants.ts'
import { simulate } from './simulation.ts'

/** More would be no proof of anything but patience. */
const triesMax = 100

export interface Catch {
  /** Which rule has found it. */
  rule: string
  tries: number
  violation: string
}

export async function catchMutant(name: MutantName): Promise<Catch | null> {
  const { mode = 'plain', from = 1, faults = {}, shared }: Mutant = mutants[name]
  for (let tries = 1; tries <= triesMax; tries++) {
    const options = { seed: from - 1 + tries, mutant: name, mode, faults, ...(shared && { shared }) }
    const { violation } = await simulate(options)
    if (violation !== null) return { rule: violation.split(':')[0]!, tries, violation }
  }
  return null
}
