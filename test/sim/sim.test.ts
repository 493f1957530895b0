import { expect, test } from 'vitest'
import { mutants, type MutantName } from './mutants.ts'
import { simulate, type Outcome } from './simulation.ts'

const histories = 60
const seeds = (first: number) => Array.from({ length: histories }, (_, i) => first + i)

/** Runs the histories and adds up what happened in them. */
async function runAll(first: number, kind: { restores?: boolean; knocks?: boolean } = {}) {
  const outcomes: Outcome[] = []
  for (const seed of seeds(first)) outcomes.push(await simulate({ seed, ...kind }))
  const counts = new Map<string, number>()
  for (const outcome of outcomes) {
    for (const [word, count] of outcome.counts) counts.set(word, (counts.get(word) ?? 0) + count)
  }
  const violations = outcomes.filter(({ violation }) => violation !== null)
  return { counts, violations: violations.map(({ seed, violation }) => `seed ${seed}: ${violation}`) }
}

/** What must have happened at least once, or the histories are too harmless. */
function missing(counts: ReadonlyMap<string, number>, ...words: string[]) {
  return words.filter((word) => !counts.has(word))
}

test('[SN1] [SN2] [SN3] [LN1] [LN2] [LG2] [RC1] [PR5] [KY6] 60 histories full of misfortune come right (seeds 1–60)', async () => {
  const { counts, violations } = await runAll(1)

  expect(violations).toEqual([])
  const rare = [
    'crash',
    'hibernate',
    'break',
    'device crash',
    'refuse',
    'close',
    'reply confirmed',
    'reply presence',
  ]
  const refusals = ['error unexpected-request', 'error policy-violation', 'error not-acceptable']
  expect(missing(counts, ...rare, ...refusals, 'note', 'claimed', 'reply keys')).toEqual([])
}, 60_000)

test('[LN3] [LN4] [LG5] so do 60 in which rooms are put back to backups (seeds 1001–1060)', async () => {
  const { counts, violations } = await runAll(1001, { restores: true })

  expect(violations).toEqual([])
  expect(missing(counts, 'restore', 'resync', 'sends again', 'reply gap', 'reply stale')).toEqual([])
}, 60_000)

test('[RO11] [RO12] [RO13] [RO14] so do 60 in which people meet and part (seeds 2001–2060)', async () => {
  const { counts, violations } = await runAll(2001, { knocks: true })

  expect(violations).toEqual([])
  const ends = ['agreed buddies,buddies', 'agreed asking,none', 'agreed none,none']
  expect(missing(counts, 'reply error', 'crash', ...ends)).toEqual([])
}, 60_000)

test('the same seed gives the same history', async () => {
  const [first, again, other] = [
    await simulate({ seed: 7 }),
    await simulate({ seed: 7 }),
    await simulate({ seed: 8 }),
  ]

  expect(again.hash).toBe(first.hash)
  expect(other.hash).not.toBe(first.hash)
})

/** Which rule finds the mistake. */
const found: Record<Exclude<MutantName, 'none'>, string> = {
  'effects before the commit': 'S1',
  'no dedupe in the lane': 'S3',
  'no order guard': 'S4',
  'no answer is taken for yes': 'L1',
  'a block is forgotten': 'S5',
  'the gate stands open': 'S6',
  'read marks are always shown': 'RC6',
  'a package that was given away stays': 'S11',
  'what is due is forgotten': 'L4',
}

test.each(Object.entries(found))('a relay with a mistake is found out: %s', async (mutant, rule) => {
  let violation: string | null = null
  for (let seed = 1; seed <= 20 && violation === null; seed++) {
    violation = (await simulate({ seed, mutant: mutant as MutantName, knocks: rule === 'S6' })).violation
  }

  expect(Object.keys(mutants)).toContain(mutant)
  expect(violation).toMatch(new RegExp(`^${rule}: `))
})
