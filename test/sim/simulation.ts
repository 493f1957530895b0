/** One history: people, their devices and rooms, a time of misfortune, and then peace, in which all must come right. */
import { limits } from '#shared/limits'
import { withoutLastWords } from './engine-device.ts'
import { drawFaults, type Faults } from './faults.ts'
import { createHistory } from './history.ts'
import { live, type Mode } from './modes.ts'
import { mutants, type Mutant, type MutantName } from './mutants.ts'
import { createWorld } from './world.ts'

export interface Options {
  seed: number
  /** What kind of history; the seed decides when it is left out. */
  mode?: Mode
  /** All rooms in one process, as on Node; the seed decides when it is left out. */
  shared?: boolean
  mutant?: MutantName
  /** Fewer make a history easier to read. */
  operations?: number
  /** In place of what the seed has drawn. */
  faults?: Partial<Faults>
  skip?: readonly number[]
  print?: (line: string) => void
}

export interface Outcome {
  seed: number
  mode: Mode
  /** What did not hold; null when all did. */
  violation: string | null
  counts: ReadonlyMap<string, number>
  hash: string
  faults: Faults
}

export const operationsMax = 80

const byTen: readonly Mode[] = [
  'farewell',
  'plain',
  'plain',
  'plain',
  'plain',
  'restores',
  'restores',
  'knocks',
  'knocks',
  'engine',
]
/** One seed is one history, so it says everything: of ten, one is with the engine that ships. */
export const modeOf = (seed: number): Mode => byTen[seed % 10]!

/** Half of the histories of each kind. */
const isSharedIn = (seed: number) => Math.floor(seed / 10) % 2 === 1

export async function simulate(options: Options): Promise<Outcome> {
  const { seed, operations = operationsMax, skip = [] } = options
  const mode = options.mode ?? modeOf(seed)
  const world = createWorld(seed, options.print)
  const mutant: Partial<Mutant> = options.mutant ? mutants[options.mutant] : {}
  const isEngine = mode === 'engine' ? (_: number, device: number) => device === 0 : undefined
  const people = mode === 'farewell' ? 3 : 2
  const isShared = options.shared ?? isSharedIn(seed)
  const history = createHistory(world, { mutant, people, isShared, ...(isEngine && { isEngine }) })
  const faults = { ...drawFaults(world), ...options.faults }
  let violation: string | null = null
  try {
    const plan = { operations, faults, skip: new Set(skip) }
    await withLimits(seed % 2 === 0, () => withoutLastWords(() => live(history, mode, plan)))
  } catch (error) {
    violation = textOf(error)
  }
  return { seed, mode, violation, counts: world.counts, hash: world.hash, faults }
}

/** Every other history is in a small world, where one soon comes to the ends of things. */
const small = { entriesInFlightMax: 24, laneBatchItemsMax: 6, lanesParallelMax: 1 }

async function withLimits(isSmall: boolean, run: () => Promise<void>) {
  const { entriesInFlightMax, laneBatchItemsMax, lanesParallelMax } = limits
  const set = (numbers: Record<keyof typeof small, number>) => Object.assign(limits, numbers)
  if (isSmall) set(small)
  try {
    await run()
  } finally {
    set({ entriesInFlightMax, laneBatchItemsMax, lanesParallelMax })
  }
}

/** What is no rule of ours is a mistake, here or there: its stack says where. */
function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.name === 'Violation' ? error.message : (error.stack ?? String(error))
}
