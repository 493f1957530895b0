/** Makes a history that goes wrong shorter and calmer, as long as the same rule still finds it. */
import { calm, type Faults } from './faults.ts'
import { operationsMax, simulate, type Options, type Outcome } from './simulation.ts'

/** Of all tries together. */
const triesMax = 150

export interface Shrunk {
  options: Options
  outcome: Outcome
}

export async function shrink(options: Options): Promise<Shrunk | null> {
  let best = options
  let outcome = await simulate(options)
  const rule = ruleOf(outcome)
  if (rule === null) return null
  let tries = 0

  async function fails(change: Partial<Options>): Promise<boolean> {
    if (tries++ >= triesMax) return false
    const next = { ...best, ...change }
    const tried = await simulate(next)
    if (ruleOf(tried) !== rule) return false
    best = next
    outcome = tried
    return true
  }

  // Fewer operations: halves of what is left, then single ones from the end.
  for (let step = Math.ceil(operationsMax / 2); step >= 1; step = Math.floor(step / 2))
    while ((best.operations ?? operationsMax) > step) {
      if (!(await fails({ operations: (best.operations ?? operationsMax) - step }))) break
    }
  // Fewer kinds of misfortune.
  for (const fault of Object.keys(calm) as (keyof Faults)[]) {
    if (outcome.faults[fault] !== calm[fault])
      await fails({ faults: { ...best.faults, [fault]: calm[fault] } })
  }
  // And what lies between.
  for (let i = (best.operations ?? operationsMax) - 1; i >= 0; i--)
    await fails({ skip: [...(best.skip ?? []), i] })
  return { options: best, outcome }
}

/** Without what differs from case to case; of a mistake in the code, where it is. */
const ruleOf = ({ violation }: Outcome): string | null =>
  violation && (/^[A-Z]+\d+: /.exec(violation)?.[0] ?? violation.split('\n').slice(0, 2).join())
