import { expect, test } from 'vitest'
import { catchMutant } from './hunt.ts'
import { mutants, type MutantName } from './mutants.ts'
import { enoughSeeds, missing } from './rare.ts'
import { regressions } from './regressions.ts'
import { shrink } from './shrink.ts'
import { simulate } from './simulation.ts'

test('[SN1] [SN2] [SN3] [LN1] [LN2] [LN3] [LN4] [LN6] [LG2] [LG5] [LG7] [RC1] [RO5] [RO11] [RO12] [RO13] [RO14] [PR5] [KY6] [AC10] 300 histories full of misfortune come right (seeds 1–300)', async () => {
  const counts = new Map<string, number>()
  const violations: string[] = []
  for (let seed = 1; seed <= enoughSeeds; seed++) {
    const { violation, counts: those } = await simulate({ seed })
    if (violation !== null) violations.push(`seed ${seed}: ${violation}`)
    for (const [word, count] of those) counts.set(word, (counts.get(word) ?? 0) + count)
  }

  expect(violations).toEqual([])
  expect(missing(counts)).toEqual([])
}, 300_000)

test.each(regressions)(
  'seed $seed comes right: $why',
  async (regression) => {
    expect((await simulate(regression)).violation).toBeNull()
  },
  20_000,
)

test.each([7, 9])('the same seed gives the same history: %i', async (seed) => {
  const [first, again, other] = [
    await simulate({ seed }),
    await simulate({ seed }),
    await simulate({ seed: seed + 10 }),
  ]

  expect(again.hash).toBe(first.hash)
  expect(other.hash).not.toBe(first.hash)
})

test.each(Object.keys(mutants) as MutantName[])(
  'a relay with a mistake is found out: %s',
  async (name) => {
    const caught = await catchMutant(name)

    expect([mutants[name].rule].flat()).toContain(caught?.rule)
  },
  30_000,
)

test('what goes wrong is made shorter and calmer, and goes wrong by the same rule', async () => {
  const small = await shrink({ seed: 3, mode: 'plain', mutant: 'no dedupe in the lane' })

  expect(small!.outcome.violation).toMatch(/^S3: /)
  expect(small!.options.operations! - (small!.options.skip?.length ?? 0)).toBeLessThan(20)
  expect(Object.keys(small!.options.faults!).length).toBeGreaterThan(3)
}, 30_000)
