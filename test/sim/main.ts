/** `npm run sim -- --seed 17 --count 100 [--restores | --knocks] [--mutant 'no order guard'] [--operations 20] [--trace]` */
import { parseArgs } from 'node:util'
import type { MutantName } from './mutants.ts'
import { simulate } from './simulation.ts'

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    count: { type: 'string', default: '1' },
    operations: { type: 'string', default: '120' },
    mutant: { type: 'string', default: 'none' },
    restores: { type: 'boolean', default: false },
    knocks: { type: 'boolean', default: false },
    trace: { type: 'boolean', default: false },
  },
})

const print = values.trace ? (line: string) => console.log(line) : undefined
const totals = new Map<string, number>()
let violations = 0
for (let seed = Number(values.seed); seed < Number(values.seed) + Number(values.count); seed++) {
  const outcome = await simulate({
    seed,
    operations: Number(values.operations),
    mutant: values.mutant as MutantName,
    restores: values.restores,
    knocks: values.knocks,
    ...(print && { print }),
  })
  for (const [word, count] of outcome.counts) totals.set(word, (totals.get(word) ?? 0) + count)
  if (outcome.violation === null) continue
  violations++
  console.log(`seed ${seed}: ${outcome.violation}\n  ${JSON.stringify(outcome.faults)}`)
}
console.log(Object.fromEntries([...totals].toSorted(([a], [b]) => (a < b ? -1 : 1))))
console.log(`${values.count} histories, ${violations} violations`)
process.exitCode = violations > 0 ? 1 : 0
