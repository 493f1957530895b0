/** News for every buddy, or every peer, some in each event: a batch is not large enough for all of them. */
import type { UserId } from '#shared/ids'
import { enqueueNotice } from './outbox.ts'
import { showReceipts } from './receipts.ts'
import { keys, type SpreadRow } from './rows.ts'
import { done, peersOf, wake, type Turn } from './turn.ts'

const peersPerEvent = 20

/** Starts from the beginning, also when the last spreading has not come to its end. */
export function startSpread(turn: Turn, what: SpreadRow['what']) {
  turn.tx.put(keys.spread(what), { what, after: '' } satisfies SpreadRow)
  wake(turn, 'spread', turn.env.now)
}

export async function spread(turn: Turn) {
  done(turn, 'spread')
  const [first, more] = await turn.tx.list<SpreadRow>({ prefix: 'spread:', limit: 2 })
  if (!first) return
  const [job, row] = first
  const prefix = row.what === 'restored' || row.what === 'gone' ? 'peer:' : 'seen:'
  const found = await turn.tx.list({ prefix, after: `${prefix}${row.after}`, limit: peersPerEvent })
  const users = found.map(([key]) => key.slice(prefix.length) as UserId)
  for (const peer of await peersOf(turn, users)) {
    turn.pumps.add(peer.user) // after a restore, reading the row has made a new lane of it (turn.ts)
    if (row.what === 'receipts') showReceipts(turn, peer)
    if (row.what === 'gone' && (peer.relation !== 'none' || peer.knocked)) {
      enqueueNotice(turn, peer, { kind: 'gone' })
    }
    // To those who are blocked too: a list that changes without a word would tell them so (RO7).
    if (row.what === 'devices') enqueueNotice(turn, peer, { kind: 'devices', devices: turn.meta.devices })
  }
  const isLast = users.length < peersPerEvent
  if (isLast) turn.tx.delete(job)
  else turn.tx.put(job, { ...row, after: users.at(-1)! } satisfies SpreadRow)
  if (!isLast || more) wake(turn, 'spread', turn.env.now)
}
