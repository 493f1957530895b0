/**
 * Brings the archive to a new device, while one already chats: the ways into sessions first, for what waits in the log
 * may need them, then what was said, newest first. One segment is stored in one transaction with the note that it was,
 * so a background that dies goes on where it was.
 */
import type { SegmentItem } from '#shared/archive'
import { fromBase64 } from '#shared/bytes'
import type { Seq, UserId } from '#shared/ids'
import { CommandError } from '../bus/commands.ts'
import { openSegment } from '../crypto/archive/segment.ts'
import type { Secrets } from '../crypto/identity.ts'
import { Refusal } from '../crypto/refusal.ts'
import { removed, targetOf, withChange } from '../db/changes.ts'
import { noteLast, recount } from '../db/conversations.ts'
import type { MessageRow, RestoreRow } from '../db/db.ts'
import { mergedRows } from '../db/merge.ts'
import { indexOf } from './archive.ts'
import { keyOf, readRows, type Read } from './archive-rows.ts'
import { forgetFile, removeTables } from './changes.ts'
import type { Requests } from './requests.ts'
import type { Signed } from './state.ts'

export interface Restore {
  /** True while there is something to bring. */
  isOpen(): Promise<boolean>
  /** Goes on with it. True when all of it is here now. @throws CommandError without a connection */
  run(): Promise<boolean>
  /** Resolves when it is not at work any more. */
  stop(): Promise<void>
}

export interface RestoreOptions {
  signed: Signed
  requests: Requests
  secrets(): Promise<Secrets>
  /** A segment is in: the numbers may be others. */
  changed(): Promise<void>
}

const nothing: Read = { messages: [], changes: [], welcomes: [] }

export function createRestore({ signed, requests, secrets, changed }: RestoreOptions): Restore {
  const { account, db } = signed
  let stopped = false
  let running: Promise<boolean> | null = null

  const rowOf = () => db.status.get('restore') as Promise<RestoreRow | undefined>

  async function runAll(): Promise<boolean> {
    const row = await rowOf()
    if (!row) return false
    const left = row.left ?? (await begin())
    const changes = createChanges()
    for (const segId of left) {
      const read = await fetchSegment(segId)
      if (stopped) return false
      await changes.learn()
      await store(read, segId, changes)
      await changed()
    }
    if (stopped) return false
    await db.status.delete('restore')
    return true
  }

  async function begin(): Promise<string[]> {
    const left = inOrder(await indexOf(requests)).map(({ segId }) => segId)
    await db.status.put({ key: 'restore', done: 0, total: left.length, left })
    return left
  }

  /** What is wrong with one segment costs only that segment: the relay could leave it out as well. */
  async function fetchSegment(segId: string): Promise<Read> {
    try {
      const { kind: _, ct, ...head } = await requests.askSegment(segId)
      const { aks } = await secrets()
      const key = aks[head.e]
      if (key === undefined || head.segId !== segId)
        throw new Refusal('undecryptable', `archive key ${head.e}`)
      const rows = await openSegment(account.acct, { ...head, ct: fromBase64(ct) }, fromBase64(key))
      return readRows(rows, account.user)
    } catch (error) {
      const isGone = error instanceof CommandError && error.code === 'item-not-found'
      if (!isGone && !(error instanceof Refusal)) throw error
      console.warn(`segment ${segId}: ${error.message}`)
      return nothing
    }
  }

  async function store({ messages, changes, welcomes }: Read, segId: string, known: Changes): Promise<void> {
    const tables = [
      ...removeTables(db),
      db.changes,
      db.conversations,
      db.prompts,
      db.roster,
      db.welcomes,
      db.status,
    ]
    await db.transaction('rw', tables, async () => {
      const row = await rowOf()
      if (!row?.left) return // signed in anew meanwhile
      const ways = await db.welcomes.bulkGet(welcomes.map(({ ratchet }) => ratchet))
      await db.welcomes.bulkPut(welcomes.filter((_, i) => ways[i] === undefined))

      const about = await merged(db.changes, changes)
      await db.changes.bulkPut(about)
      for (const change of about) known.add(change)
      const rows = new Map((await merged(db.messages, messages)).map((one) => [keyOf(one), one]))
      // A change may be about what is here already.
      const others = about.flatMap(targetsOf).filter((key) => !rows.has(key.join(' ')))
      for (const one of await db.messages.bulkGet(others)) if (one) rows.set(keyOf(one), one)
      const after = [...rows.values()].map((one) => known.applied(one))
      await db.messages.bulkPut(after)
      for (const one of after) if (one.removed) await forgetFile(db, one)
      await noteNames(after)
      for (const peer of new Set(after.map((one) => one.peer))) {
        await noteLast(db, peer)
        await recount(db, peer)
      }
      const left = row.left.filter((id) => id !== segId)
      await db.status.put({ ...row, done: row.total - left.length, left })
    })
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
  }

  function createChanges(): Changes {
    const byTarget = new Map<string, MessageRow[]>()
    let upTo: Seq = -1

    function add(change: MessageRow) {
      for (const target of targetsOf(change)) {
        const key = target.join(' ')
        byTarget.set(key, [...(byTarget.get(key) ?? []), change])
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
      applied(row) {
        return (byTarget.get(keyOf(row)) ?? []).reduce((before, change) => {
          if (change.content?.type === 'own-hide') {
            return change.content.peer === before.peer ? removed(before, 'hidden') : before
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

/** Messages that a change is about. */
function targetsOf(change: MessageRow): [UserId, MessageRow['id']][] {
  const { content } = change
  if (content === null) return []
  if (content.type === 'own-hide') return content.targets.map(({ from, id }) => [from, id])
  const target = targetOf({ ...change, content })
  return target ? [target] : []
}

const inOrder = (index: readonly SegmentItem[]): SegmentItem[] =>
  index.toSorted((a, b) =>
    a.kind === b.kind ? b.toTs - a.toTs || b.fromTs - a.fromTs : a.kind === 'welcomes' ? -1 : 1,
  )
