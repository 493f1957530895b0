/**
 * A background that dies at any point: the k-th operation of its database (which then does not happen, and takes its
 * transaction with it), or just before or just after the k-th frame, or part of a file. Whatever it had begun is thrown away.
 */
import type { Seq } from '#shared/ids'
import type { HeadlessOptions } from '../../support/headless.ts'
import { tapped } from './wire.ts'

export type Mortal = ReturnType<typeof mortal>

export function mortal({ acksTooEarly = false } = {}) {
  let left = Infinity
  let kill = () => {}
  let life = { isOver: false }
  let acked: Seq = 0

  /** False from the moment of death on. */
  function survives(mine: { isOver: boolean }): boolean {
    if (!mine.isOver && --left === 0) {
      mine.isOver = true
      kill()
    }
    return !mine.isOver
  }

  const prepare: HeadlessOptions['prepare'] = (db) => {
    const mine = (life = { isOver: false })
    const guard = <Request, Result>(run: (request: Request) => Promise<Result>) =>
      ((request) => (survives(mine) ? run(request) : Promise.reject(new Error('dead')))) as typeof run
    db.use({
      stack: 'dbcore',
      name: 'mortal',
      create: (core) => ({
        ...core,
        table(name) {
          const table = core.table(name)
          return {
            ...table,
            mutate: guard((request) => table.mutate(request)),
            get: guard((request) => table.get(request)),
            getMany: guard((request) => table.getMany(request)),
            query: guard((request) => table.query(request)),
            openCursor: guard((request) => table.openCursor(request)),
            count: guard((request) => table.count(request)),
          }
        },
      }),
    })
  }

  const line = tapped({
    out: (text) => (survives(life) ? text : null),
    sent(text) {
      const frame = JSON.parse(text) as { type: string; seq: Seq }
      if (frame.type === 'ack') acked = Math.max(acked, frame.seq)
      survives(life)
    },
    in(text, socket) {
      const frame = JSON.parse(text) as { type: string; entries?: { seq: Seq }[] }
      if (acksTooEarly && frame.type === 'deliver' && !life.isOver) {
        const seq = frame.entries!.at(-1)!.seq
        WebSocket.prototype.send.call(socket, JSON.stringify({ type: 'ack', seq }))
        acked = Math.max(acked, seq)
      }
      survives(life)
    },
  })

  /** What the dead ask for does not get there, and what is answered they do not hear. */
  const parts = (async (url: string, init?: RequestInit) => {
    if (!url.includes('/v1/blobs/')) return fetch(url, init)
    const mine = life
    if (!survives(mine)) throw new Error('dead')
    const response = await fetch(url, init)
    if (!survives(mine)) throw new Error('dead')
    return response
  }) as typeof fetch

  return {
    options: { prepare, WebSocket: line, fetch: parts, random: () => 0 } satisfies HeadlessOptions,
    /** It will die at that point from now on. */
    arm(points: number, how: () => void) {
      left = points
      kill = how
    },
    disarm() {
      left = Infinity
    },
    isDead: () => life.isOver,
    /** Up to where it told the relay that it has stored the log. */
    acked: () => acked,
  }
}
