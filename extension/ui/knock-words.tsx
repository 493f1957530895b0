import type { ComponentChildren } from 'preact'
import type { CommandCode, Problem } from '../stores/problem.ts'
import { Name } from './Name.tsx'
import { problemWords } from './problem-words.ts'
import { sayWith, type TextKey } from './text.ts'

const precise: Partial<Record<CommandCode, TextKey>> = {
  forbidden: 'knockBuddiesOnly',
  'item-not-found': 'knockNobody',
  conflict: 'knockOtherAccount',
}

/** Why a knock could not be delivered, where the general words would say too little. */
export function knockWords(problem: Problem, name: string): ComponentChildren {
  const key = precise[problem.code]
  return key ? sayWith(key, <Name of={name} />) : problemWords(problem, 'knock')
}
