/**
 * Who is behind a name. Device lists are asked of the room, believed because the account's own key has signed each of
 * them and the one before it, and kept by their hash: envelopes name the lists they were sealed for. The relay can
 * hold a new list back; it can put no device into one (the cryptography reference, §4.4). When another account has
 * taken the name, that is kept beside the first one, and only a person's decision puts it in its place.
 */
import { deviceListHash, deviceListProblem, type DeviceList } from '#shared/account'
import { errors, isErrorCode, type ErrorCode } from '#shared/errors'
import type { ServerFrameOf } from '#shared/frames'
import type { Millis, UserId } from '#shared/ids'
import { CommandError } from '../bus/commands.ts'
import { verify } from '../crypto/keys.ts'
import { Refusal } from '../crypto/refusal.ts'
import type { IdentityRow } from '../db/db.ts'
import { settingsOf } from '../db/settings.ts'
import { believe, tablesOfBelief } from './other-account.ts'
import type { OwnKeys } from './own-keys.ts'
import type { Requests } from './requests.ts'
import type { Signed } from './state.ts'

type Answer = ServerFrameOf<'keys'>

export interface Identities {
  /** The newest list of theirs that is known, or null; mine for my own name. */
  known(user: UserId): Promise<DeviceList | null>
  /**
   * Asks for the newest list, and for a key package of each device in it.
   * @throws CommandError with the room's code or `unreachable`; Refusal `identity` for what no honest relay says,
   * `account` when the name is another account's now
   */
  claim(user: UserId, invite?: string): Promise<{ list: DeviceList; packages: Answer['packages'] }>
  /**
   * The list of that hash: as it is known, or else asked for. Null when there is none of that account, or with
   * `orOther` of the one that has taken its name.
   */
  listOf(user: UserId, hash: string, orOther?: boolean): Promise<DeviceList | null>
  /** Something has changed: asks for what is new. */
  refresh(user: UserId): Promise<DeviceList>
}

const isFinal = (code: ErrorCode) => errors[code].action === 'cancel'

/** A hash that nobody knows is asked for no more often than this. */
const askAgainMs = 10_000

export function createIdentities(
  { account, db, timers }: Signed,
  requests: Requests,
  ownKeys: Pick<OwnKeys, 'adopt'>,
  relayNow: () => Millis,
): Identities {
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

  /** Checks the lists as a chain that goes on from `before`. The last one is the newest. */
  async function checked(user: UserId, { acct, lists }: Answer, before: DeviceList | null) {
    const last = lists.at(-1)
    if (before && last && last.ver < before.ver) {
      throw new Refusal('identity', `list ${last.ver} of ${user}: rollback`)
    }
    let newest = before
    const chain: DeviceList[] = []
    for (const list of lists) {
      if (newest && list.ver < newest.ver) continue
      const problem = list.acct === acct ? await deviceListProblem(list, newest, verify) : 'account'
      if (problem !== null) throw new Refusal('identity', `list ${list.ver} of ${user}: ${problem}`)
      newest = list
      chain.push(list)
    }
    if (!newest) throw new Refusal('identity', `no list of ${user}`)
    return { newest, chain }
  }

  /** Checks what the room says about them, and pins the newest list. */
  async function take(
    user: UserId,
    answer: Answer,
    before: DeviceList | null,
    invite?: string,
  ): Promise<DeviceList> {
    const pinned = await known(user)
    const expected = pinned?.acct ?? (await settingsOf(db)).pins[user] ?? answer.acct
    if (answer.acct !== expected) return takeOther(user, expected, invite)
    const { newest, chain } = await checked(user, answer, before)
    if (pinned && newest.ver < pinned.ver)
      throw new Refusal('identity', `list ${newest.ver} of ${user}: rollback`)
    const same = chain.find(({ ver }) => ver === pinned?.ver)
    if (pinned && same && deviceListHash(same) !== deviceListHash(pinned)) {
      throw new Refusal('identity', `list ${same.ver} of ${user}: fork`)
    }
    await store(user, newest, chain, pinned)
    return newest
  }

  /** The name is another account's now. */
  async function takeOther(user: UserId, expected: DeviceList['acct'], invite?: string): Promise<DeviceList> {
    if (user === account.user) throw new Refusal('identity', 'another account under my own name')
    const { newest, chain } = await checked(user, await ask(user, 0, false, invite), null)
    const { acct, ver } = newest
    const other = { acct, ver, hash: deviceListHash(newest) }
    const isDecided = await db.transaction('rw', [db.lists, ...tablesOfBelief(db)], async () => {
      await db.lists.bulkPut(chain.map(rowOf))
      const { pins, buddies } = await settingsOf(db)
      const before = (await db.identities.get(user)) ?? { peer: user, acct: expected, ver: 0, hash: '' }
      await db.identities.put({ ...before, other })
      // Decided on another of my devices.
      if (pins[user] === acct) return believe(db, user, acct, relayNow())
      if (before.other?.acct === acct) return false
      const isLoud = buddies[user]?.verified === before.acct
      await db.notices.put({ peer: user, ts: relayNow(), what: 'account-changed', isLoud })
      return false
    })
    if (!isDecided) throw new Refusal('account', `${user} is another account than before`)
    return newest
  }

  const rowOf = (list: DeviceList) => ({ hash: deviceListHash(list), list, at: timers.now() })

  async function store(
    user: UserId,
    newest: DeviceList,
    lists: readonly DeviceList[],
    before: DeviceList | null,
  ): Promise<void> {
    if (user === account.user) return ownKeys.adopt(newest, lists)
    await db.transaction('rw', [db.lists, db.identities, db.notices, db.settings], async () => {
      await db.lists.bulkPut(lists.map(rowOf))
      const { acct, ver } = newest
      const earlier = await db.identities.get(user)
      const hasNoMailbox = earlier?.acct === acct && earlier.hasNoMailbox
      const hash = deviceListHash(newest)
      const row: IdentityRow = { peer: user, acct, ver, hash, ...(hasNoMailbox && { hasNoMailbox }) }
      await db.identities.put(row)
      if (before) await noteDevices(user, before, newest)
    })
  }

  /** A line in the conversation says it; their safety number stays the same. */
  async function noteDevices(user: UserId, before: DeviceList, after: DeviceList): Promise<void> {
    const ids = (list: DeviceList) => new Set(list.devices.map(({ id }) => id))
    const [old, now] = [ids(before), ids(after)]
    const isLoud = (await settingsOf(db)).buddies[user]?.verified === after.acct
    const row = { peer: user, ts: relayNow(), isLoud }
    if (now.difference(old).size > 0) await db.notices.put({ ...row, what: 'device-added' })
    if (old.difference(now).size > 0) await db.notices.put({ ...row, what: 'device-removed' })
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
      return { list: await take(user, answer, before, invite), packages: answer.packages }
    },
    async listOf(user, hash, orOther = false) {
      async function lookUp(): Promise<DeviceList | null | undefined> {
        const list = (await db.lists.get(hash))?.list
        if (!list || user === account.user) return list
        const identity = await db.identities.get(user)
        if (!identity) return undefined // whose name it is has not been asked yet: not of anybody who is known
        const isTheirs = list.acct === identity.acct || (orOther && list.acct === identity.other?.acct)
        return isTheirs ? list : null
      }
      const there = await lookUp()
      if (there !== undefined) return there
      if (timers.now() - (askedAt.get(user) ?? -Infinity) < askAgainMs) return null
      askedAt.set(user, timers.now())
      try {
        // From the first one: it may be older than the newest that is pinned.
        await take(user, await ask(user, 0, false), null)
      } catch (error) {
        const isOther = orOther && error instanceof Refusal && error.reason === 'account'
        // Whoever is not there has no lists: asking again would change nothing, and hold up everybody else.
        const isNobody = error instanceof CommandError && isErrorCode(error.code) && isFinal(error.code)
        if (!isOther && !isNobody) throw error
      }
      return (await lookUp()) ?? null
    },
    refresh,
  }
}
