/**
 * The built extension in Chromium, as the end-to-end tests start it, at a relay on this machine: how long a person
 * waits. Rows are put into its database as they lie there after months of use; the account is a real one.
 */
import { spawnSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { resolve } from 'node:path'
import type { CDPSession, Page } from '@playwright/test'
import { v7 } from 'uuid'
import type { EnvelopeId, UserId } from '#shared/ids'
import type {
  ConnectionRow,
  ConversationRow,
  MessageRow,
  PresenceRow,
  RosterRow,
} from '../../extension/db/db.ts'
import { newPerson, type Person } from '../support/people.ts'
import { spawnRelay } from '../support/processes.ts'
import { benchArchive } from './archive.ts'
import { percentile } from './load.ts'
import type { Table } from './main.ts'
import { benchSizes } from './sizes.ts'

const rounds = 15
const buddyCount = 200
const messageCount = 10_000
/** The page of a conversation that a chat window shows at first. */
const shownAtFirst = 60
const minuteMs = 60_000

export async function benchExtension(): Promise<Table[]> {
  build()
  const relay = await spawnRelay({ env: { PARLEY_POW_BITS: '0', PARLEY_LOG: 'error' } })
  try {
    progress('Alice makes an account')
    const alice = await newPerson('alice', relay.url)
    try {
      return [...(await benchAlice(alice)), await benchHistory(), benchSizes()]
    } finally {
      await alice.close()
      rmSync(alice.profile, { recursive: true, force: true })
    }
  } finally {
    await relay.stop()
    rmSync(relay.data, { recursive: true, force: true })
  }
}

function benchHistory(): Promise<Table> {
  progress('a new device and its history')
  return benchArchive()
}

/** What is measured is what the sources say now. */
export function build() {
  progress('the builds for both browsers')
  const { status } = spawnSync('npm', ['run', '-s', 'zip'], {
    cwd: resolve(import.meta.dirname, '../..'),
    stdio: ['ignore', 'ignore', 'inherit'],
    shell: process.platform === 'win32', // npm is a script there
  })
  if (status !== 0) throw new Error('The extension does not build.')
}

export function progress(text: string) {
  console.log(`… ${text}`)
}

async function benchAlice(alice: Person): Promise<Table[]> {
  // Belongs to the extension, runs none of its code: it can look into the database and wakes nobody.
  const quiet = await alice.page('icon/16.png')
  const [, browser] = /Chrome\/(\d+)/.exec(await quiet.evaluate(() => navigator.userAgent)) ?? []
  await closeOthers(alice, quiet) // the welcome is open too

  const starts: Table['rows'] = []
  const opens: Table['rows'] = []
  opens.push(await openings(alice, 'an empty page', 'icon/16.png', 'img', 1))

  await put(quiet, 'roster', [rosterRow(0)])
  await put(quiet, 'conversations', [conversationRow(0, await relayNow(quiet))])
  opens.push(await openings(alice, 'buddy list, 1 buddy', 'popup.html', 'li.buddy', 1))
  starts.push(...(await coldStarts(alice, quiet, 1, 0)))

  progress(`${buddyCount} buddies, ${messageCount} messages`)
  const now = await relayNow(quiet)
  const everybody = Array.from({ length: buddyCount }, (_, i) => i)
  await put(quiet, 'roster', everybody.map(rosterRow))
  await put(
    quiet,
    'conversations',
    everybody.map((i) => conversationRow(i, now)),
  )
  await put(
    quiet,
    'presence',
    everybody.map((i) => presenceRow(i, now)),
  )
  opens.push(await openings(alice, `buddy list, ${buddyCount} buddies`, 'popup.html', 'li.buddy', buddyCount))

  const chat = `chat.html?with=${nameOf(0)}`
  const messages = messageRows(alice.name as UserId, nameOf(0), messageCount, now)
  await put(quiet, 'messages', messages.slice(-shownAtFirst))
  opens.push(await openings(alice, `chat, ${shownAtFirst} messages`, chat, 'article', shownAtFirst))
  await put(quiet, 'messages', messages)
  opens.push(await openings(alice, `chat, ${messageCount} messages`, chat, 'article', shownAtFirst))
  starts.push(...(await coldStarts(alice, quiet, buddyCount, messageCount)))

  return [
    {
      title: `The background from its sleep to "connected", Chromium ${browser}, ${rounds} rounds`,
      notes: [
        'The load’s own cost: Playwright holds each new page and worker until it is attached, and a look into the',
        'database every 5 ms says when it is done. What is over when the worker begins is none of our code.',
      ],
      rows: starts,
    },
    {
      title: `From opening a page to painted, Chromium ${browser}, ${rounds} rounds`,
      notes: [
        'The load’s own cost: "an empty page" is a page of the extension without its code. Painted is the second frame',
        'after the list is in the document. A tab, not the toolbar’s popup; the background is awake.',
      ],
      rows: opens,
    },
  ]
}

// --- The background ---------------------------------------------------------------------------------------------

async function coldStarts(alice: Person, quiet: Page, buddies: number, messages: number) {
  progress(`the background starts, ${buddies} buddies, ${messages} messages`)
  const cdp = await alice.context.newCDPSession(quiet)
  await cdp.send('ServiceWorker.enable')
  const row = (by: string, of: Start[]) => ({
    'woken by': by,
    buddies,
    messages,
    'worker begins ms': median(of.map(({ begun }) => begun)),
    'median ms': median(of.map(({ connected }) => connected)),
    'worst ms': worst(of.map(({ connected }) => connected)),
  })

  const byEvent: Start[] = []
  const byPopup: Start[] = []
  for (let round = 0; round < rounds; round++) {
    await asleep(cdp)
    byEvent.push(
      await timed(alice, quiet, async () => {
        const at = Date.now()
        await cdp.send('ServiceWorker.startWorker', { scopeURL: `chrome-extension://${alice.id}/` })
        return at
      }),
    )
    await asleep(cdp)
    byPopup.push(
      await timed(alice, quiet, async () => {
        const popup = await alice.page('popup.html')
        return popup.evaluate(() => performance.timeOrigin)
      }),
    )
    await closeOthers(alice, quiet)
  }
  await cdp.detach()
  return [row('an event', byEvent), row('the popup', byPopup)]
}

/** Ends the background as an idle one ends, and waits until it is gone. No page may hold a port: it would wake it. */
export async function asleep(cdp: CDPSession) {
  const gone = new Promise<void>((done) => {
    cdp.on('ServiceWorker.workerVersionUpdated', function look({ versions }) {
      if (versions.some(({ runningStatus }) => runningStatus !== 'stopped')) return
      cdp.off('ServiceWorker.workerVersionUpdated', look)
      done()
    })
  })
  await cdp.send('ServiceWorker.stopAllWorkers')
  await gone
}

/** Both in milliseconds after waking. */
interface Start {
  begun: number
  connected: number
}

/** `wake` answers with the time at which it began. */
export async function timed(alice: Person, quiet: Page, wake: () => Promise<number>): Promise<Start> {
  const connected = quiet.evaluate(connectedAfter, Date.now())
  const [wokenAt, connectedAt] = await Promise.all([wake(), connected])
  const begunAt = await alice.worker.evaluate(() => performance.timeOrigin)
  return { begun: begunAt - wokenAt, connected: connectedAt - wokenAt }
}

/** Runs in a page: when the database says that the relay has welcomed us since then. */
export async function connectedAfter(since: number): Promise<number> {
  const db = await new Promise<IDBDatabase>((done, fail) => {
    const open = indexedDB.open('parley')
    open.addEventListener('success', () => done(open.result))
    open.addEventListener('error', () => fail(open.error))
  })
  const giveUpAt = since + 20_000
  try {
    while (Date.now() < giveUpAt) {
      const row = await new Promise<ConnectionRow>((done) => {
        const request = db.transaction('status').objectStore('status').get('connection')
        request.addEventListener('success', () => done(request.result))
      })
      if (row.state === 'connected' && row.heardAt >= since) return Date.now()
      await new Promise((resume) => setTimeout(resume, 5))
    }
  } finally {
    db.close()
  }
  throw new Error('not connected within 20 s')
}

async function closeOthers({ context }: Person, quiet: Page) {
  const others = context
    .pages()
    .filter((page) => page !== quiet && page.url().startsWith('chrome-extension:'))
  await Promise.all(others.map((page) => page.close()))
}

// --- Pages ------------------------------------------------------------------------------------------------------

/** Opens the page again and again, each time until so many elements are painted. */
async function openings(alice: Person, what: string, path: string, selector: string, count: number) {
  progress(`${what} opens`)
  const inDocument: number[] = []
  const painted: number[] = []
  for (let round = 0; round < rounds; round++) {
    const page = await alice.context.newPage()
    await page.addInitScript(tellWhenPainted, { selector, count })
    await page.goto(`chrome-extension://${alice.id}/${path}`)
    const times = await page.evaluate(() => (globalThis as unknown as Probe).painted)
    inDocument.push(times.inDocument)
    painted.push(times.painted)
    await page.close()
  }
  return {
    what,
    'in the document ms': median(inDocument),
    'painted, median ms': median(painted),
    'painted, worst ms': worst(painted),
  }
}

interface Probe {
  /** In milliseconds after the navigation began. */
  painted: Promise<{ inDocument: number; painted: number }>
}

/** Runs in a page before its own code. */
function tellWhenPainted({ selector, count }: { selector: string; count: number }) {
  const probe = globalThis as unknown as Probe
  probe.painted = new Promise((done, fail) => {
    setTimeout(() => fail(new Error(`no ${count} ${selector} within 20 s`)), 20_000)
    const look = () => {
      if (document.querySelectorAll(selector).length < count) return
      observer.disconnect()
      const inDocument = performance.now()
      requestAnimationFrame(() =>
        requestAnimationFrame(() => done({ inDocument, painted: performance.now() })),
      )
    }
    const observer = new MutationObserver(look)
    observer.observe(document, { subtree: true, childList: true })
    look()
  })
}

// --- What is in the database ------------------------------------------------------------------------------------

const nameOf = (i: number) => `buddy-${String(i).padStart(3, '0')}` as UserId

const rosterRow = (i: number): RosterRow => ({
  peer: nameOf(i),
  relation: 'buddies',
  muted: false,
  blocked: false,
  version: 1,
})

const textOf = (i: number) =>
  `What was said as number ${i}, about as long as what people write to each other.`

function conversationRow(i: number, now: number): ConversationRow {
  const last = { id: v7() as EnvelopeId, ts: now - i * minuteMs, direction: 'in' as const, text: textOf(i) }
  return {
    peer: nameOf(i),
    readTs: now,
    readSentTs: now,
    delivered: now,
    read: now,
    except: [],
    last,
    unread: 0,
  }
}

/** A third of them is there. */
const presenceRow = (i: number, now: number): PresenceRow => ({
  peer: nameOf(i),
  show: (['online', 'away', 'offline', 'idle', 'offline', 'offline'] as const)[i % 6]!,
  since: now - minuteMs,
  until: now + 60 * minuteMs,
  version: 1,
  status: i % 4 === 0 ? 'in a meeting until three' : '',
})

/** Oldest first, the last of them just now; one every eight minutes, so some two months of a talkative pair. */
function messageRows(me: UserId, peer: UserId, count: number, now: number): MessageRow[] {
  return Array.from({ length: count }, (_, i) => {
    const ts = now - (count - i) * 8 * minuteMs
    const isMine = i % 2 === 0
    return {
      from: isMine ? me : peer,
      id: v7({ msecs: ts }) as EnvelopeId,
      peer,
      ts,
      direction: isMine ? 'out' : 'in',
      kind: 'message',
      content: { type: 'text', text: textOf(i) },
      at: ts,
      ...(isMine && { state: 'stored' }),
    }
  })
}

/** The relay's clock is this machine's. */
const relayNow = (quiet: Page) => quiet.evaluate(() => Date.now())

async function put(quiet: Page, table: string, rows: object[]) {
  await quiet.evaluate(
    async ([store, list]) => {
      const db = await new Promise<IDBDatabase>((done, fail) => {
        const open = indexedDB.open('parley')
        open.addEventListener('success', () => done(open.result))
        open.addEventListener('error', () => fail(open.error))
      })
      const transaction = db.transaction(store, 'readwrite')
      for (const row of list) transaction.objectStore(store).put(row)
      await new Promise((done, fail) => {
        transaction.addEventListener('complete', done)
        transaction.addEventListener('error', () => fail(transaction.error))
      })
      db.close()
    },
    [table, rows] as const,
  )
}

// --- Figures ----------------------------------------------------------------------------------------------------

const sorted = (values: readonly number[]) => values.toSorted((a, b) => a - b)
const median = (values: readonly number[]) => Math.round(percentile(sorted(values), 0.5))
const worst = (values: readonly number[]) => Math.round(Math.max(...values))
