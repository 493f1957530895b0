/** Keys that nothing can need any more go, so that whoever gets hold of this device later opens less with them. */
import { deviceListHash } from '#shared/account'
import type { Millis } from '#shared/ids'
import type { Db } from '../db/db.ts'

/** Longer than any relay keeps a message, and longer than one is sealed again on request (§4.6). */
const keptMs = 45 * 24 * 60 * 60_000

/** Sessions of others since their last use, ways into them, and lists that are not the newest of anybody. */
export async function forgetOldKeys(db: Db, now: Millis): Promise<void> {
  const before = now - keptMs
  const tables = [db.account, db.identities, db.lists, db.ratchetsIn, db.ratchetsOut, db.welcomes]
  await db.transaction('rw', tables, async () => {
    await db.ratchetsIn.where('usedAt').below(before).delete()
    await db.welcomes.where('at').below(before).delete()
    const [own, identities] = [await db.account.get('me'), await db.identities.toArray()]
    const needed = new Set([
      own && deviceListHash(own.list),
      ...identities.flatMap(({ hash, other }) => [hash, other?.hash]),
      ...(await db.ratchetsOut.toArray()).flatMap(({ lists }) => [lists.own, lists.peer]),
    ])
    await db.lists
      .where('at')
      .below(before)
      .filter(({ hash }) => !needed.has(hash))
      .delete()
  })
}
