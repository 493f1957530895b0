/**
 * Histories that once went wrong. A seed is one history only as long as the simulator itself stays as it is, so what
 * was wrong stands here, and there is a unit test of each beside it.
 */
import type { Options } from './simulation.ts'

export interface Regression extends Options {
  why: string
}

export const regressions: readonly Regression[] = [
  {
    seed: 5,
    mode: 'engine',
    why: 'a send slipped in behind one that was only repeated, before what had been refused (SN3)',
  },
  {
    seed: 85,
    mode: 'restores',
    why: 'an epoch was older than what was said before, and nobody believed it (LN4)',
  },
  { seed: 19, mode: 'restores', why: 'the same with a backup that nobody had told the room about' },
  { seed: 1071, why: 'a clock that was set back: presence waited for the time that it was (PR7)' },
  { seed: 1132, why: 'the same with rates: what may be sent was refused until then (FR6)' },
  { seed: 10109, why: 'a room whose disk was full was taken to know who is here (PR5)' },
  { seed: 11484, why: 'the same, between two models' },
  {
    seed: 20636,
    mode: 'restores',
    why: 'a restored room gave a ts twice, and who was restored after it asked for nothing so old (LN6)',
  },
  { seed: 22526, mode: 'restores', why: 'the same with a clock that was behind from the start' },
  {
    seed: 13,
    mode: 'restores',
    why: 'two rooms that were restored together made each other begin anew without end (LN3)',
  },
]
