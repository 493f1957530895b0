/** Whether this device can keep anything at all, and if not, why. */
import { createModel, signal } from '@preact/signals'
import type { Db } from '../db/db.ts'

/**
 * `no-storage`: the browser keeps nothing (Firefox with "never remember history") · `full`: the disk is ·
 * `newer`: a later Parley has been here · `blocked`: an older page holds it open · `broken`: anything else
 */
export type DatabaseProblem = 'no-storage' | 'full' | 'newer' | 'blocked' | 'broken'

/** Dexie wraps what IndexedDB says, so the names of all layers are looked at. */
function namesOf(error: unknown): string {
  const names: string[] = []
  for (let layer = error; layer instanceof Error; layer = (layer as { inner?: unknown }).inner)
    names.push(layer.name)
  return names.join(' ')
}

export function databaseProblemOf(error: unknown): DatabaseProblem {
  const names = namesOf(error)
  if (/Quota/.test(names)) return 'full'
  if (/Version/.test(names)) return 'newer'
  if (/InvalidState|Security|MissingAPI|NotAllowed/.test(names)) return 'no-storage'
  return 'broken'
}

export const DatabaseStore = createModel((db: Pick<Db, 'open' | 'on'>) => {
  const state = signal<'opening' | 'open' | DatabaseProblem>('opening')
  db.on('blocked', () => {
    state.value = 'blocked'
  })

  async function open() {
    try {
      await db.open()
      state.value = 'open'
    } catch (error) {
      console.error(error)
      state.value = databaseProblemOf(error)
    }
  }
  void open()

  return { state, tryAgain: open }
})
export type DatabaseStore = InstanceType<typeof DatabaseStore>
