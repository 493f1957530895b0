/** What the parts of the engine need, without a relay: a database in memory, a clock by hand, and frames that are kept. */
import { IDBFactory, IDBKeyRange } from 'fake-indexeddb'
import { v7 } from 'uuid'
import type { ClientFrame } from '#shared/frames'
import type { EnvelopeId, UserId } from '#shared/ids'
import { openDb, type AccountRow, type OutboxRow } from '../../../extension/db/db.ts'
import type { Signed } from '../../../extension/engine/state.ts'

export const [alice, bob, carol] = ['alice' as UserId, 'bob' as UserId, 'carol' as UserId]

export function memoryEngine() {
  const db = openDb('parley', { indexedDB: new IDBFactory(), IDBKeyRange })
  let now = 1_800_000_000_000
  let timers: { at: number; run: () => void }[] = []
  const sent: ClientFrame[] = []
  let welcome = true
  const signed: Signed = {
    account: { user: alice } as AccountRow,
    db,
    timers: {
      now: () => now,
      after(ms, run) {
        const timer = { at: now + ms, run }
        timers.push(timer)
        return () => void (timers = timers.filter((other) => other !== timer))
      },
    },
    send(frame) {
      if (welcome) sent.push(frame)
      return welcome
    },
    isWelcome: () => welcome,
  }
  return {
    db,
    signed,
    sent,
    now: () => now,
    setWelcome: (is: boolean) => (welcome = is),
    pass(ms: number) {
      now += ms
      const due = timers.filter(({ at }) => at <= now)
      timers = timers.filter(({ at }) => at > now)
      for (const { run } of due) run()
    },
    timers: () => timers.length,
    /** As a page does it. */
    async write(peer: UserId, text: string, change: Partial<OutboxRow> = {}): Promise<EnvelopeId> {
      const id = v7() as EnvelopeId
      await db.outbox.add({ id, peer, kind: 'message', content: { type: 'text', text }, at: now, ...change })
      return id
    },
    row: (id: EnvelopeId) => db.messages.get([alice, id]),
  }
}
