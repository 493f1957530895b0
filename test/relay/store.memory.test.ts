import { vi } from 'vitest'
import { memoryStore } from '../../relay/core/memory-store.ts'
import { runSteps, storeContract } from './store.contract.ts'

storeContract('memory', async () => ({
  async room() {
    const store = memoryStore()
    return {
      transact: (steps) => runSteps(store, steps),
      alarm: async () => store.alarm,
      async ring(steps) {
        await vi.waitUntil(() => store.alarm !== null && store.alarm <= Date.now())
        const at = store.alarm!
        store.rung()
        // Nothing outlives this process, so a failed alarm is made anew by whoever rang it.
        await runSteps(store, steps).catch(() => store.transact(async (tx) => tx.wakeAt(at)))
      },
    }
  },
  now: Date.now,
  close: async () => undefined,
}))
