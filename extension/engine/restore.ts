/**
 * Brings the archive to a new device, while one already chats: what was said, newest first, and before each stretch of
 * it the ways into its sessions, for what waits in the log may need the newest of them. One segment is stored in one
 * transaction with the note that it was, so a background that dies goes on where it was.
 */
import type { SegmentItem } from '#shared/archive'
import type { Seq, UserId } from '#shared/ids'
import { CommandError } from '../bus/commands.ts'
import { Refusal } from '../crypto/refusal.ts'
import { removed, withChange } from '../db/changes.ts'
import { conversationOf, noteLast, recount } from '../db/conversations.ts'
import type { MessageRow, RestoreRow } from '../db/db.ts'
import { mergedRows } from '../db/merge.ts'
import { isArchived, settingsOf } from '../db/settings.ts'
import { keyOf, readRows, targetsOf, type Read } from './archive-rows.ts'
import { forgetFile, removeTables } from './changes.ts'
import { withFailure } from './inbox.ts'
import { applyOwn } from './own.ts'
import { NoKeyError, type Segments } from './segments.ts'
import type { Signed } from './state.ts'
import { noteKept } from './upkeep.ts'

export interface Restore {
  /** True while there is something to bring. */
  isOpen(): Promise<boolean>
  /** Goes on with it. True when all of it is here now. @throws CommandError without a connection */
  run(): Promise<boolean>
  /** This relay knows no archive: there is nothing to bring. */
  drop(): Promise<void>
  /** Resolves when it is not at work any more. */
  stop(): Promise<void>
}

export interface RestoreOptions {
  signed: Signed
  segments: Segments
  /** A segment is in: the numbers may be others. */
  changed(): Promise<void>
}

type Got = Read | 'gone' | 'unreadable'

/** Another device may put the archive together anew meanwhile, but not for ever. */
const roundsMax = 3
/** A session lives for a week, and what was said in it comes up to its end. */
const sessionMs = 8 * 24 * 60 * 60_000

export function createRestore({ signed, segments, changed }: RestoreOptions): Restore {
  const { account, db } = signed
  let stopped = false
  let running: Promise<boolean> | null = null
  /** Rows that have come since the unread messages of that person were counted. */
  const uncounted = new Map<UserId, number>()

  const rowOf = () => db.status.get('restore') as Promise<RestoreRow | undefined>

  async function runAll(): Promise<boolean> {
    const row = await rowOf()
    if (!row) return false
    const changes = createChanges()
    const read = new Set<string>()
    let left = row.left ?? (await begin(read))
    for (let round = 1; left; round++) {
      // The next one is on its way while one is stored.
      let coming = left.length > 0 ? get(left[0]!) : null
      for (const [n, segId] of left.entries()) {
        const got = await coming!
        coming = n + 1 < left.length ? get(left[n + 1]!) : null
        if (stopped) return false
        await changes.learn()
        await store(got, segId, changes)
        if (got !== 'gone') read.add(segId)
        await changed()
      }
      left = (await rowOf())?.isStale && round < roundsMax ? await begin(read) : null
    }
    return !stopped && finish(changes)
  }

  /** What is wrong with one segment costs only that segment: the relay could leave it out as well. */
  function get(segId: string): Promise<Got> {
    const got = segments.read(segId).then(
      (rows) => readRows(rows, account.user),
      (error: unknown): Got => {
        const isGone = error instanceof CommandError && error.code === 'item-not-found'
        if (isGone || error instanceof NoKeyError) return 'gone'
        if (!(error instanceof Refusal)) throw error
        console.warn(`segment ${segId}: ${error.message}`)
        return 'unreadable'
      },
    )
    got.catch(() => {}) // it is told when it is its turn
    return got
  }

  async function begin(read: ReadonlySet<string>): Promise<string[] | null> {
    const isKept = (await settingsOf(db)).keepsHistory
    const index = isKept ? await segments.index() : []
    const left = inOrder(index.filter(({ segId }) => !read.has(segId))).map(({ segId }) => segId)
    return db.transaction('rw', db.status, async () => {
      const row = await rowOf()
      if (!row || stopped) return null // signed in anew meanwhile
      const { isStale: _, ...before } = row
      await db.status.put({ ...before, total: row.done + left.length, left })
      return left
    })
  }

  async function store(got: Got, segId: string, known: Changes): Promise<void> {
    const tables = [
      ...removeTables(db),
      db.changes,
      db.conversations,
      db.prompts,
      db.roster,
      db.welcomes,
      db.settings,
      db.status,
    ]
    await db.transaction('rw', tables, async () => {
      const row = await rowOf()
      if (!row?.left) return // signed in anew meanwhile
      const hasLeftOut = typeof got !== 'string' && (await storeRows(got, known, row))
      const left = row.left.filter((id) => id !== segId)
      await db.status.put({
        ...row,
        done: row.total - left.length,
        left,
        ...(hasLeftOut && { hasLeftOut }),
        ...(got === 'gone' && { isStale: true }),
        ...(got === 'unreadable' && { unreadable: (row.unreadable ?? 0) + 1 }),
      })
    })
  }

  /** True when some of it is not to be kept. */
  async function storeRows(read: Read, known: Changes, { failed = {} }: RestoreRow): Promise<boolean> {
    const settings = await settingsOf(db)
    const isKept = ({ peer }: { peer?: UserId }) =>
      peer === undefined || (peer === account.user ? settings.keepsHistory : isArchived(settings, peer))
    const [messages, changes, welcomes] = [
      read.messages.filter(isKept),
      read.changes.filter(isKept),
      read.welcomes.filter(isKept),
    ]
    const ways = await db.welcomes.bulkGet(welcomes.map(({ ratchet }) => ratchet))
    await db.welcomes.bulkPut(welcomes.filter((_, i) => ways[i] === undefined))

    const about = await merged(db.changes, changes)
    await db.changes.bulkPut(about)
    for (const change of about) {
      known.add(change)
      if (change.content?.type === 'own-unread') await applyOwn(db, change.content, change.ts)
    }
    const rows = new Map((await merged(db.messages, messages)).map((one) => [keyOf(one), one]))
    // A change may be about what is here already.
    const others = about.flatMap(targetsOf).filter((key) => !rows.has(key.join(' ')))
    for (const one of await db.messages.bulkGet(others)) if (one) rows.set(keyOf(one), one)
    const after = [...rows.values()]
      .map((one) => known.applied(one))
      .map((one) => {
        const code = one.from === account.user ? failed[one.id] : undefined
        return code === undefined ? one : withFailure(one, code)
      })
    await db.messages.bulkPut(after)
    for (const one of after) if (one.removed) await forgetFile(db, one)
    await noteNames(after)
    await countAnew(after)
    const all = [...read.messages, ...read.changes, ...read.welcomes]
    return messages.length + changes.length + welcomes.length < all.length
  }

  /**
   * Each time, thousands that are unread would be counted for every segment: they are again when there may be twice as
   * many, and in the end; and a background that dies in between counts everything when it starts.
   */
  async function countAnew(rows: readonly MessageRow[]): Promise<void> {
    for (const [peer, theirs] of Map.groupBy(rows, (one) => one.peer)) {
      const { last, unread } = await conversationOf(db, peer)
      if (!last || theirs.some(({ ts }) => ts >= last.ts)) await noteLast(db, peer)
      const more = (uncounted.get(peer) ?? 0) + theirs.length
      uncounted.set(peer, more)
      if (more >= unread) await countNow(peer)
    }
  }

  async function countNow(peer: UserId): Promise<void> {
    await recount(db, peer)
    uncounted.delete(peer)
  }

  /** A change that came over the log late may be about what was brought before it. */
  async function finish(changes: Changes): Promise<boolean> {
    const tables = [...removeTables(db), db.changes, db.conversations, db.prompts, db.settings, db.status]
    await db.transaction('rw', tables, async () => {
      const row = await rowOf()
      if (!row) return
      for (const change of await db.changes.toArray()) changes.add(change)
      const here = await db.messages.bulkGet(changes.targets())
      const behind = here.flatMap((one) => {
        const after = one && changes.applied(one)
        return after && after !== one ? [after] : []
      })
      await db.messages.bulkPut(behind)
      for (const one of behind) if (one.removed) await forgetFile(db, one)
      await countAnew(behind)
      for (const peer of uncounted.keys()) await countNow(peer)
      if (!row.hasLeftOut) await noteKept(db, await settingsOf(db))
      await db.status.delete('restore')
      if (row.unreadable || row.isStale) {
        await db.status.put({ key: 'archive', problem: 'unreadable', at: signed.timers.now() })
      }
    })
    return true
  }

  async function merged(table: typeof db.messages, rows: readonly MessageRow[]): Promise<MessageRow[]> {
    const once = new Map<string, MessageRow>()
    for (const row of rows) {
      const other = once.get(keyOf(row))
      once.set(keyOf(row), other ? mergedRows(other, row) : row)
    }
    const all = [...once.values()]
    const here = await table.bulkGet(all.map(({ from, id }): [UserId, MessageRow['id']] => [from, id]))
    return all.map((row, i) => (here[i] ? mergedRows(here[i], row) : row))
  }

  /** What somebody calls themselves goes with knocks and answers only. */
  async function noteNames(rows: readonly MessageRow[]): Promise<void> {
    for (const { peer, direction, content, at } of rows.toSorted((a, b) => b.ts - a.ts)) {
      if (direction === 'out' || (content?.type !== 'knock' && content?.type !== 'accept')) continue
      const row = await db.roster.get(peer)
      if (!row) continue
      const { name } = content
      const isKnocking = content.type === 'knock' && row.relation === 'asked' && !row.knock
      const knock = content.type === 'knock' && { ...content, at }
      if (isKnocking && knock) {
        const { type: _, ...said } = knock
        await db.roster.put({ ...row, ...(name && !row.name && { name }), knock: said })
      } else if (name && !row.name) await db.roster.put({ ...row, name })
    }
  }

  // --- Changes, until what they are about is here -------------------------------------------------------------------

  interface Changes {
    /** Those that have come over the log meanwhile. */
    learn(): Promise<void>
    add(change: MessageRow): void
    applied(row: MessageRow): MessageRow
    targets(): [UserId, MessageRow['id']][]
  }

  function createChanges(): Changes {
    const byTarget = new Map<string, Map<string, MessageRow>>()
    const targets = new Map<string, [UserId, MessageRow['id']]>()
    let upTo: Seq = -1

    function add(change: MessageRow) {
      for (const target of targetsOf(change)) {
        const key = target.join(' ')
        targets.set(key, target)
        byTarget.set(key, (byTarget.get(key) ?? new Map<string, MessageRow>()).set(keyOf(change), change))
      }
    }

    return {
      async learn() {
        for (const change of await db.changes.where('seq').above(upTo).toArray()) {
          upTo = Math.max(upTo, change.seq!)
          add(change)
        }
      },
      add,
      targets: () => [...targets.values()],
      applied(row) {
        return [...(byTarget.get(keyOf(row))?.values() ?? [])].reduce((before, change) => {
          if (change.content?.type === 'own-hide') {
            const isIt = change.content.peer === before.peer && before.removed !== 'hidden'
            return isIt ? removed(before, 'hidden') : before
          }
          return change.peer === before.peer
            ? withChange(before, { ...change, content: change.content! })
            : before
        }, row)
      },
    }
  }

  return {
    isOpen: async () => (await rowOf()) !== undefined,
    drop: () => db.status.delete('restore'),
    run() {
      running ??= runAll().finally(() => (running = null))
      return running
    },
    async stop() {
      stopped = true
      await running?.catch(() => {}) // it was told to whoever asked for it
    },
  }
}

/** Newest first; a way into a session before what may have been said in it. */
const inOrder = (index: readonly SegmentItem[]): SegmentItem[] => {
  const rank = ({ kind, toTs }: SegmentItem) => (kind === 'welcomes' ? toTs + sessionMs : toTs)
  return index.toSorted((a, b) => rank(b) - rank(a) || b.fromTs - a.fromTs)
}
