/**
 * Files between this device and the relay: which of them are moved, when, and what becomes of those that cannot be. What
 * a person wants stands in the row's state; here is done what it says, two at a time, whenever there is a connection.
 */
import type { Millis } from '#shared/ids'
import { errors, isErrorCode } from '#shared/errors'
import { CommandError } from '../bus/commands.ts'
import type { Db, FileFailure, FileRow } from '../db/db.ts'
import {
  deleteFile,
  freeFile,
  isDiskFull,
  isUnsent,
  partsWithin,
  sealingLock,
  withoutFailure,
} from '../db/files.ts'
import { settingsOf } from '../db/settings.ts'
import type { Blobs } from './blobs.ts'
import { download, Failed, Over, upload, type Job } from './file-jobs.ts'
import type { Requests } from './requests.ts'
import type { Signed } from './state.ts'

export interface Files {
  /** Does what there is to do, as far as it can be done now. May be called at any time. */
  tend(): void
  /** What the person wants of this file has changed: what is under way with it ends, and no pause holds any longer. */
  changed(key: string): void
  /** Resolves when it is not at work any more. */
  stop(): Promise<void>
}

export interface FilesOptions {
  signed: Signed
  requests: Requests
  blobs: Blobs
  random: () => number
  skew(): Millis
  /** There is something new in the outbox. */
  posted(): Promise<void>
}

const atOnce = 2
/** Without any progress for so long, a person is told. */
const patienceMs = 5 * 60_000
/** A relay that asks for more than this means "not today". */
const waitMaxMs = 60_000
const waitMinMs = 200

/** Files that came to nothing since so long, and until when they rest. */
interface Trouble {
  since: Millis
  times: number
  isResting: boolean
  cancel(): void
}

export function createFiles(options: FilesOptions): Files {
  const { signed, requests, blobs, random } = options
  const { db, timers, account } = signed
  const running = new Map<string, { stopper: AbortController; done: Promise<void> }>()
  const troubles = new Map<string, Trouble>()
  let stopped = false
  let again = false
  let tending: Promise<void> | null = null
  let swept = false

  function tend(): void {
    again = true
    tending ??= (async () => {
      try {
        while (again) {
          again = false
          await tendOnce()
        }
      } catch (error) {
        if (!stopped) console.error(error)
      } finally {
        tending = null
      }
    })()
  }

  async function tendOnce(): Promise<void> {
    if (stopped) return
    if (!swept) await sweep(db)
    swept = true
    if (!signed.isWelcome()) return
    await release()
    const rows = await db.files.where('state').anyOf('queued', 'moving').sortBy('at')
    for (const { key } of rows) {
      if (stopped || running.size >= atOnce) return
      if (!running.has(key) && !troubles.get(key)?.isResting) begin(key)
    }
  }

  /** Room that nobody needs any more. Without a connection: with the next one. */
  async function release(): Promise<void> {
    for (const { blob } of await db.releases.toArray()) {
      try {
        await requests.ask({ type: 'release', blob })
        await db.releases.delete(blob)
      } catch (error) {
        if (!(error instanceof CommandError)) throw error
        if (!isErrorCode(error.code) || errors[error.code].action === 'wait') return
        await db.releases.delete(blob) // refused for good
      }
    }
  }

  // --- One of them --------------------------------------------------------------------------------------------------

  function begin(key: string): void {
    const stopper = new AbortController()
    const done = run(key, stopper.signal)
      .catch((error: unknown) => {
        if (!stopped) console.error(error)
      })
      .finally(() => {
        running.delete(key)
        if (!stopped) tend()
      })
    running.set(key, { stopper, done })
  }

  async function run(key: string, signal: AbortSignal): Promise<void> {
    const row = await change(key, (now) => ({ ...withoutFailure(now), state: 'moving' }))
    if (!row) return
    const job: Job = {
      db,
      blobs,
      requests,
      me: account.user,
      now: () => timers.now(),
      skew: options.skew,
      signal,
      goesOn() {
        if (signal.aborted || stopped) throw new Over()
        if (!signed.isWelcome()) throw new CommandError('unreachable')
      },
      moved: () => void troubles.delete(key),
    }
    try {
      await (isUnsent(row) ? upload(job, key) : download(job, key))
    } catch (error) {
      return await giveUp(key, row, error, signal)
    }
    if (isUnsent(row)) await options.posted()
    else await makeRoom(db, timers.now(), key)
  }

  /** What a person may have changed meanwhile stays as they wanted it. */
  function change(key: string, make: (row: FileRow) => FileRow): Promise<FileRow | null> {
    return db.transaction('rw', db.files, async () => {
      const row = await db.files.get(key)
      if (row?.state !== 'queued' && row?.state !== 'moving') return null
      const after = make(row)
      await db.files.put(after)
      return after
    })
  }

  async function giveUp(key: string, row: FileRow, error: unknown, signal: AbortSignal): Promise<void> {
    if (error instanceof Over || signal.aborted || stopped) return
    const failure = failureOf(error)
    if (failure === 'item-not-found' && !isUnsent(row)) return gone(row)
    const waitMs = signed.isWelcome() ? waitFor(key, error) : 0
    // Without a connection it waits for one, however long.
    if (waitMs !== null) await change(key, (now) => ({ ...now, state: 'queued' }))
    else await change(key, (now) => ({ ...now, state: 'failed', failure }))
    if (waitMs === null && failure === 'internal-server-error') console.error(error)
  }

  function failureOf(error: unknown): FileFailure {
    if (error instanceof Failed) return error.failure
    if (isDiskFull(error)) return 'disk-full'
    if (!(error instanceof CommandError)) return 'internal-server-error'
    return isErrorCode(error.code) ? error.code : 'unreachable'
  }

  /** How long to wait before the same again; null when a person should know instead. */
  function waitFor(key: string, error: unknown): number | null {
    if (!(error instanceof CommandError)) return null
    const { code, retryAfterMs } = error
    if (isErrorCode(code) && errors[code].action !== 'wait') return null
    const before = troubles.get(key)
    const since = before?.since ?? timers.now()
    const times = (before?.times ?? 0) + 1
    const waitMs = retryAfterMs ?? waitMinMs + random() * Math.min(waitMaxMs, 1000 * 2 ** times)
    if (waitMs > waitMaxMs || timers.now() - since > patienceMs) {
      troubles.delete(key)
      return null
    }
    const trouble: Trouble = { since, times, isResting: true, cancel: () => {} }
    trouble.cancel = timers.after(waitMs, () => {
      trouble.isResting = false
      tend()
    })
    troubles.set(key, trouble)
    return waitMs
  }

  const gone = (row: FileRow) =>
    db.transaction('rw', [db.files, db.parts], async () => {
      if (await change(row.key, (now) => ({ ...now, state: 'gone', done: 0 })))
        await partsWithin(db, row.parts).delete()
    })

  return {
    tend,
    changed(key) {
      running.get(key)?.stopper.abort()
      troubles.get(key)?.cancel()
      troubles.delete(key)
      tend()
    },
    async stop() {
      stopped = true
      for (const { cancel } of troubles.values()) cancel()
      for (const { stopper } of running.values()) stopper.abort()
      await Promise.allSettled([tending, ...[...running.values()].map(({ done }) => done)])
    },
  }
}

/** What pages have left behind that died over it, and what a background died over. */
async function sweep(db: Db): Promise<void> {
  for (const row of await db.files.where('state').anyOf('sealing', 'moving').toArray()) {
    if (row.state === 'moving') {
      await db.files.update(row.key, { state: 'queued' })
      continue
    }
    await navigator.locks.request(sealingLock(row.key), { ifAvailable: true }, async (lock) => {
      if (!lock) return // a page is still at it
      await db.transaction('rw', [db.files, db.parts], async () => {
        if ((await db.files.get(row.key))?.state === 'sealing') await deleteFile(db, row)
      })
    })
  }
}

/** Frees what was not looked at for longest, until the rest is no more than the person wants to keep here. */
export async function makeRoom(db: Db, now: Millis, newest?: string): Promise<void> {
  const { filesKeptMb } = await settingsOf(db)
  const bytesMax = filesKeptMb * 1_000_000
  const rows = await db.files.where('state').equals('here').sortBy('usedAt')
  let bytes = rows.reduce((sum, { file }) => sum + file.sealedBytes, 0)
  for (const { key, file } of rows) {
    if (bytes <= bytesMax) return
    if (key === newest || !(await isSafeElsewhere(db, key))) continue
    await db.transaction('rw', [db.files, db.parts], async () => {
      const row = await db.files.get(key)
      if (row?.state === 'here') await freeFile(db, row, now)
    })
    bytes -= file.sealedBytes
  }
}

/** Of mine, what the room has not taken yet is nowhere else. */
async function isSafeElsewhere(db: Db, key: string): Promise<boolean> {
  const id = key.split(' ')[1]
  return (
    (await db.outbox
      .where('id')
      .equals(id ?? '')
      .count()) === 0
  )
}
