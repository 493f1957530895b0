/**
 * Another account behind a name that one knows: the first was deleted and made anew, or somebody sits in between. The
 * person decides. Whom they go on with is pinned for all of their devices, and what was waiting is sealed anew.
 */
import type { AccountId, Millis, UserId } from '#shared/ids'
import type { Db } from '../db/db.ts'
import { settingsOf } from '../db/settings.ts'
import { breakSeal } from './outbox.ts'
import { changeSettings } from './preferences.ts'

/** What `believe` writes. */
export const tablesOfBelief = (db: Db) => [db.identities, db.ratchetsOut, db.outbox, db.notices, db.settings]

/** Puts that account in the place of the one before. False when the name is not that account's. */
export async function believe(db: Db, peer: UserId, acct: AccountId, ts: Millis): Promise<boolean> {
  return db.transaction('rw', tablesOfBelief(db), async () => {
    const identity = await db.identities.get(peer)
    if (identity?.other?.acct !== acct) return false
    const { ver, hash } = identity.other
    await db.identities.put({ peer, acct, ver, hash })
    await db.ratchetsOut.delete(peer)
    await db.outbox.where('peer').equals(peer).modify(breakSeal)
    await db.notices.put({ peer, ts, what: 'account-accepted', isLoud: false })
    const { pins, buddies } = await settingsOf(db)
    if (pins[peer] !== acct) await changeSettings(db, { pins: { ...pins, [peer]: acct } })
    if (buddies[peer]?.verified) await changeSettings(db, { buddies: { [peer]: { verified: null } } })
    return true
  })
}

/** What was decided on another of my devices, and came here with the settings. Whether there was anything. */
export async function believeDecided(db: Db, ts: Millis): Promise<boolean> {
  const { pins } = await settingsOf(db)
  let any = false
  for (const { peer, other } of await db.identities.filter((row) => row.other !== undefined).toArray()) {
    if (pins[peer] === other?.acct && (await believe(db, peer, pins[peer]!, ts))) any = true
  }
  return any
}
