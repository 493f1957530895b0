/** Who may reach the owner, and whether read marks are shown: chosen by the owner, known to all their devices. */
import type { ClientFrameOf, Policy } from '#shared/frames'
import { append } from './log.ts'
import type { ConnectionId } from './ports.ts'
import { startSpread } from './spread.ts'
import { saveMeta, send, type Turn } from './turn.ts'

/** Changes what is given. Asked for twice, it changes nothing the second time. */
export async function onPolicy(
  { request, reach, invite, reads }: ClientFrameOf<'policy'>,
  connection: ConnectionId,
  turn: Turn,
) {
  const before = turn.meta.policy
  const policy: Policy = {
    reach: reach ?? before.reach,
    invite: invite === undefined ? before.invite : invite,
    reads: reads ?? before.reads,
  }
  const isSame =
    policy.reach === before.reach && policy.invite === before.invite && policy.reads === before.reads
  if (!isSame) {
    turn.meta.policy = policy
    saveMeta(turn)
    append(turn, { type: 'policy', ...policy })
    if (policy.reads && !before.reads) startSpread(turn, 'receipts') // what was held back on both sides
  }
  send(turn, connection, { type: 'ok', request })
}
