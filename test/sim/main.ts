/**
 * `npm run sim -- --seed 17 --count 100 [--mode restores] [--mutant 'no order guard'] [--operations 20] [--trace]`
 * `npm run sim -- --seed 17 --shrink` makes a history that goes wrong as short and as calm as it still goes wrong.
 * `npm run sim -- --mutants` says which rule finds which mistake.
 */
import { parseArgs } from 'node:util'
import { modes, type Mode } from './modes.ts'
import { mutants, type MutantName } from './mutants.ts'
import { catchMutant } from './hunt.ts'
import { enoughSeeds, missing } from './rare.ts'
import { shrink } from './shrink.ts'
import { simulate, type Options, type Outcome } from './simulation.ts'

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    count: { type: 'string', default: '1' },
    operations: { type: 'string' },
    mutant: { type: 'string' },
    mode: { type: 'string' },
    trace: { type: 'boolean', default: false },
    shrink: { type: 'boolean', default: false },
    mutants: { type: 'boolean', default: false },
  },
})

const chosen = <Name extends string>(name: string | undefined, known: readonly Name[]): Name | undefined => {
  if (name === undefined || known.includes(name as Name)) return name as Name | undefined
  throw new Error(`"${name}" is none of: ${known.join(', ')}`)
}
const mode = chosen<Mode>(values.mode, modes)
const mutant = chosen(values.mutant, Object.keys(mutants) as MutantName[])
const first = Number(values.seed)
const count = Number(values.count)

const optionsOf = (seed: number): Options => ({
  seed,
  ...(values.operations && { operations: Number(values.operations) }),
  ...(mutant && { mutant }),
  ...(mode && { mode }),
  ...(values.trace && { print: (line: string) => console.log(line) }),
})

const tell = ({ seed, mode: kind, violation, faults }: Outcome) =>
  console.log(`seed ${seed} (${kind}): ${violation}\n  ${JSON.stringify(faults)}`)

if (values.mutants) process.exitCode = await hunt()
else if (values.shrink) await makeSmaller()
else process.exitCode = await run()

async function run(): Promise<number> {
  const totals = new Map<string, number>()
  let violations = 0
  let done = 0
  // Whoever ends it hears how it went so far.
  const end = new AbortController()
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => end.abort())
  for (let seed = first; seed < first + count && !end.signal.aborted; seed++) {
    done++
    const outcome = await simulate(optionsOf(seed))
    for (const [word, times] of outcome.counts) totals.set(word, (totals.get(word) ?? 0) + times)
    if (outcome.violation === null) continue
    violations++
    tell(outcome)
  }
  console.log(Object.fromEntries([...totals].toSorted(([a], [b]) => (a < b ? -1 : 1))))
  const never = done >= enoughSeeds && !mode && !mutant ? missing(totals) : []
  if (never.length > 0) console.log(`never happened: ${never.join(', ')}`)
  console.log(`${done} histories, ${violations} violations`)
  return violations + never.length > 0 ? 1 : 0
}

async function makeSmaller() {
  const small = await shrink(optionsOf(first))
  if (!small) return console.log(`seed ${first} goes well`)
  const { operations, skip, faults } = small.options
  tell(small.outcome)
  console.log(JSON.stringify({ seed: first, operations, skip, faults }))
}

async function hunt(): Promise<number> {
  let free = 0
  for (const name of Object.keys(mutants) as MutantName[]) {
    const caught = await catchMutant(name)
    if (!caught) free++
    console.log(`${name}: ${caught ? `${caught.rule} (history ${caught.tries})` : 'NOT CAUGHT'}`)
  }
  return free
}
