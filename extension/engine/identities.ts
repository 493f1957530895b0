/**
 * Who is behind a name. Device lists are asked of the room, believed because the account's own key has signed each of
 * them and the one before it, and kept by their hash: envelopes name the lists they were sealed for. The relay can
 * hold a new list back; it can put no device into one (the cryptography reference, §4.4).
 */
import { deviceListHash, deviceListProblem, type DeviceList } from '#shared/account'
import type { ServerFrameOf } from '#shared/frames'
import type { UserId } from '#shared/ids'
import { verify } from '../crypto/keys.ts'
import { Refusal } from '../crypto/refusal.ts'
import type { IdentityRow } from '../db/db.ts'
import type { Requests } from './requests.ts'
import type { Signed } from './state.ts'

type Answer = ServerFrameOf<'keys'>

export interface Identities {
  /** The newest list of theirs that is known, or null; mine for my own name. */
  known(user: UserId): Promise<DeviceList | null>
  /**
   * Asks for the newest list, and for a key package of each device in it.
   * @throws CommandError with the room's code or `unreachable`; Refusal `identity` for what no honest relay says
   */
  claim(user: UserId, invite?: string): Promise<{ list: DeviceList; packages: Answer['packages'] }>
  /** The list of that hash: as it is known, or else asked for. Null when there is none of that account. */
  listOf(user: UserId, hash: string): Promise<DeviceList | null>
  /** Something has changed: asks for what is new. */
  refresh(user: UserId): Promise<DeviceList>
}

/** A hash that nobody knows is asked for no more often than this. */
const askAgainMs = 10_000

export function createIdentities({ account, db, timers }: Signed, requests: Requests): Identities {
  const askedAt = new Map<UserId, number>()

  async function known(user: UserId): Promise<DeviceList | null> {
    if (user === account.user) return (await db.account.get('me'))?.list ?? null
    const identity = await db.identities.get(user)
    return (identity && (await db.lists.get(identity.hash))?.list) ?? null
  }

  /** Everything after `after`, in as many pieces as it takes. */
  async function ask(user: UserId, after: number, packages: boolean, invite?: string): Promise<Answer> {
    const frame = { type: 'claim', peer: user, packages, ...(invite && { invite }) } as const
    let answer = await requests.askKeys({ ...frame, after })
    const lists = [...answer.lists]
    while (answer.more && answer.lists.length > 0) {
      answer = await requests.askKeys({ ...frame, after: lists.at(-1)!.ver })
      lists.push(...answer.lists)
    }
    return { ...answer, lists }
  }

  /** Checks the lists as a chain that goes on from `before`, and pins the newest. */
  async function take(user: UserId, answer: Answer, before: DeviceList | null): Promise<DeviceList> {
    const pinned = await known(user)
    const acct = pinned?.acct ?? answer.acct
    let newest = before
    const checked: DeviceList[] = []
    for (const list of answer.lists) {
      if (newest && list.ver < newest.ver) continue
      const problem = list.acct === acct ? await deviceListProblem(list, newest, verify) : 'account'
      if (problem !== null) throw new Refusal('identity', `list ${list.ver} of ${user}: ${problem}`)
      newest = list
      checked.push(list)
    }
    if (!newest) throw new Refusal('identity', `no list of ${user}`)
    if (pinned && newest.ver < pinned.ver)
      throw new Refusal('identity', `list ${newest.ver} of ${user}: rollback`)
    const same = checked.find(({ ver }) => ver === pinned?.ver)
    if (pinned && same && deviceListHash(same) !== deviceListHash(pinned)) {
      throw new Refusal('identity', `list ${same.ver} of ${user}: fork`)
    }
    await store(user, newest, checked)
    return newest
  }

  async function store(user: UserId, newest: DeviceList, lists: readonly DeviceList[]): Promise<void> {
    const at = timers.now()
    await db.transaction('rw', [db.account, db.lists, db.identities], async () => {
      await db.lists.bulkPut(lists.map((list) => ({ hash: deviceListHash(list), list, at })))
      const { acct, ver } = newest
      const hash = deviceListHash(newest)
      if (user !== account.user) {
        await db.identities.put({ peer: user, acct, ver, hash } satisfies IdentityRow)
        return
      }
      const row = await db.account.get('me')
      if (row?.device === account.device && row.list.ver < ver) await db.account.put({ ...row, list: newest })
    })
  }

  async function refresh(user: UserId): Promise<DeviceList> {
    const before = await known(user)
    return take(user, await ask(user, before?.ver ?? 0, false), before)
  }

  return {
    known,
    async claim(user, invite) {
      const before = await known(user)
      const answer = await ask(user, before?.ver ?? 0, true, invite)
      return { list: await take(user, answer, before), packages: answer.packages }
    },
    async listOf(user, hash) {
      const row = await db.lists.get(hash)
      const pinned = await known(user)
      if (row) return pinned === null || row.list.acct === pinned.acct ? row.list : null
      if (timers.now() - (askedAt.get(user) ?? -Infinity) < askAgainMs) return null
      askedAt.set(user, timers.now())
      // From the first one: it may be older than the newest that is pinned.
      const newest = await take(user, await ask(user, 0, false), null)
      const found = (await db.lists.get(hash))?.list
      return found?.acct === newest.acct ? found : null
    },
    refresh,
  }
}
