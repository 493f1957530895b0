/** Only for tests: lets store.workerd.test.ts drive a room's storage from outside. */
import type * as Party from 'partykit/server'
import { partyStore, type PartyStore } from '../../../relay/partykit/store.ts'
import { apply, type Step } from './steps.ts'

export default class StoreParty implements Party.Server {
  readonly store: PartyStore
  readonly storage: Party.Storage
  /** What to do when the alarm rings, and whom to tell. */
  ringing = Promise.withResolvers<{ steps: Step[]; done(): void }>()

  constructor(room: Party.Room) {
    this.storage = room.storage
    this.store = partyStore(room.storage)
  }

  async onRequest(request: Party.Request): Promise<Response> {
    const operation = new URL(request.url).pathname.split('/').at(-1) as keyof StoreParty['operations']
    try {
      const steps = (await request.json()) as Step[]
      return Response.json((await this.operations[operation](steps)) ?? null)
    } catch (error) {
      return new Response(String(error), { status: 500 })
    }
  }

  operations = {
    transact: (steps: Step[]): Promise<unknown> => this.store.transact((tx) => apply(tx, steps)),
    alarm: (): Promise<unknown> => this.storage.getAlarm(),
    ring: (steps: Step[]): Promise<unknown> =>
      new Promise<void>((done) => this.ringing.resolve({ steps, done })),
  }

  /** As in relay/partykit/server.ts: nothing fails here, and what did rings again. */
  async onAlarm(): Promise<void> {
    const { steps, done } = await this.ringing.promise
    this.ringing = Promise.withResolvers()
    this.store.rung()
    try {
      await this.store.transact((tx) => apply(tx, steps))
    } catch {
      await this.store.transact(async (tx) => tx.wakeAt(Date.now() + 20))
    }
    done()
  }
}
