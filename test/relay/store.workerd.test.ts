import { spawnPartyKit } from '../support/processes.ts'
import { storeContract, type Step, type StoreDriver } from './store.contract.ts'

storeContract(
  'PartyKit',
  async () => {
    const relay = await spawnPartyKit({
      config: 'test/relay/partykit/partykit.json',
      env: { PARLEY_SECRET: 'only-for-tests-only-for-tests-only' },
    })
    let rooms = 0
    const names = new WeakMap<StoreDriver, string>()

    function driver(name: string): StoreDriver {
      async function ask<R>(operation: string, steps: readonly Step[] = []): Promise<R> {
        const url = `${relay.url}/parties/store/${name}/${operation}`
        const response = await fetch(url, { method: 'POST', body: JSON.stringify(steps) })
        if (!response.ok) throw new Error(await response.text())
        return (await response.json()) as R
      }
      const store: StoreDriver = {
        transact: (steps) => ask('transact', steps),
        alarm: () => ask('alarm'),
        ring: (steps) => ask('ring', steps),
      }
      names.set(store, name)
      return store
    }

    return {
      room: async () => driver(`room${++rooms}`),
      async reopen(store) {
        await relay.restart('SIGKILL')
        return driver(names.get(store)!)
      },
      losesAlarms: true,
      now: Date.now,
      close: () => relay.stop(),
    }
  },
  { runs: 25 },
)
