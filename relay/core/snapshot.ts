import type { Snapshot } from '#shared/frames'
import { keys, type PeerRow, type PreferencesRow } from './rows.ts'
import type { Turn } from './turn.ts'

const pageRows = 100

/** The state behind the log, for a device that cannot continue it. */
export async function snapshot(turn: Turn): Promise<Snapshot> {
  const result: Snapshot = {
    roster: [],
    reads: [],
    receipts: [],
    devices: turn.meta.devices,
    policy: turn.meta.policy,
  }
  for await (const { user, relation, muted, blocked, version, mine, theirs } of allPeers(turn)) {
    if (version > 0) result.roster.push({ peer: user, relation, muted, blocked, version })
    if (mine.read > 0) result.reads.push({ peer: user, ts: mine.read })
    const { shown, except } = theirs
    if (shown.delivered + shown.read > 0) result.receipts.push({ peer: user, ...shown, except })
  }
  const preferences = await turn.tx.get<PreferencesRow>(keys.preferences)
  return preferences ? { ...result, preferences } : result
}

async function* allPeers({ tx, peers }: Turn): AsyncGenerator<PeerRow> {
  let after: string | undefined
  for (;;) {
    const rows = await tx.list<PeerRow>({ prefix: 'peer:', limit: pageRows, ...(after && { after }) })
    for (const [, row] of rows) yield peers.get(row.user) ?? row
    if (rows.length < pageRows) return
    after = rows.at(-1)![0]
  }
}
