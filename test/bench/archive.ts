/** How long a new device waits for its history: in Node with a database in memory, and in the built extension. */
import type { Page } from '@playwright/test'
import { haveSaid, isArchived, isRestored } from '../extension/engine/archived.ts'
import { launchChromium } from '../support/chromium.ts'
import { headless } from '../support/headless.ts'
import { fillAccount } from '../support/people.ts'
import { spawnRelay } from '../support/processes.ts'
import type { Table } from './main.ts'

const messageCount = 10_000

export async function benchArchive(): Promise<Table> {
  const relay = await spawnRelay({ env: { PARLEY_POW_BITS: '0', PARLEY_LOG: 'error' } })
  try {
    const sent = counting('archive')
    const alice = await headless(relay.url, 'alice', { WebSocket: sent.WebSocket })
    await haveSaid(alice, 'bob', messageCount)
    const putMs = await timed(async () => {
      await alice.ring()
      await alice.until(() => isArchived(alice), 'put away', 120_000)
    })
    await alice.commands.signOut()

    const got = counting('segment')
    const startedAt = performance.now()
    const phone = await headless(relay.url, 'alice', { existing: true, WebSocket: got.WebSocket })
    await phone.until(async () => (await phone.db.messages.count()) > 0, 'the first', 120_000)
    const firstMs = performance.now() - got.firstAt()
    await phone.until(() => isRestored(phone), 'restored', 120_000)
    const allMs = performance.now() - got.firstAt()
    const signInMs = got.firstAt() - startedAt
    await Promise.all([alice.stop(), phone.stop()])
    return {
      title: `History of ${messageCount} messages for a new device`,
      notes: [
        'Node: the engine over fake-indexeddb, which is slower than a browser’s own. Times from the first segment on;',
        `signing in took ${Math.round(signInMs)} ms before it. kB as they cross the socket.`,
      ],
      rows: [
        { what: 'put away, Node', ms: Math.round(putMs), segments: sent.frames(), kB: sent.kB() },
        {
          what: 'restored, Node',
          'first ms': Math.round(firstMs),
          ms: Math.round(allMs),
          segments: got.frames(),
          kB: got.kB(),
        },
        {
          what: 'restored, Chromium',
          ...(await inChromium(relay.url)),
          segments: got.frames(),
          kB: got.kB(),
        },
      ],
    }
  } finally {
    await relay.stop()
  }
}

async function timed(run: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now()
  await run()
  return performance.now() - startedAt
}

/** Counts what goes over the socket in frames of that type, either way. */
function counting(type: 'archive' | 'segment') {
  let frames = 0
  let chars = 0
  let firstAt = 0
  const look = (text: string) => {
    if (!text.startsWith(`{"type":"${type}",`) || !text.includes('"ct":')) return
    firstAt ||= performance.now()
    frames++
    chars += text.length
  }
  return {
    WebSocket: class extends WebSocket {
      constructor(url: string) {
        super(url)
        this.addEventListener('message', ({ data }) => look(String(data)))
      }

      override send(text: string) {
        look(text)
        super.send(text)
      }
    },
    frames: () => frames,
    kB: () => Math.round(chars / 1000),
    firstAt: () => firstAt,
  }
}

/** From the index being there until all is. The load’s own cost: a look into the database every 5 ms. */
async function inChromium(relay: string): Promise<{ 'first ms': number; ms: number }> {
  const browser = await launchChromium()
  try {
    const popup = await browser.page('popup.html')
    const quiet = await browser.page('icon/16.png')
    await fillAccount(popup, 'Sign in', 'alice', relay)
    const times = watch(quiet)
    await popup.getByRole('button', { name: 'Sign in', exact: true }).click()
    return await times
  } finally {
    await browser.close()
  }
}

const watch = (page: Page) =>
  page.evaluate(async () => {
    const db = await new Promise<IDBDatabase>((done, fail) => {
      const open = indexedDB.open('parley')
      open.addEventListener('success', () => done(open.result))
      open.addEventListener('error', () => fail(open.error))
    })
    const ask = <T>(request: IDBRequest<T>) =>
      new Promise<T>((done) => request.addEventListener('success', () => done(request.result)))
    const look = async () => {
      const transaction = db.transaction(['status', 'messages'])
      const restore = await ask<{ left?: string[] } | undefined>(
        transaction.objectStore('status').get('restore'),
      )
      const count = await ask(transaction.objectStore('messages').count())
      return { isBegun: restore?.left !== undefined, isOver: restore === undefined, count }
    }
    let beganAt = 0
    let firstAt = 0
    for (;;) {
      const { isBegun, isOver, count } = await look()
      if (isBegun) beganAt ||= performance.now()
      if (beganAt > 0 && count > 0) firstAt ||= performance.now()
      if (firstAt > 0 && isOver) break
      await new Promise((resume) => setTimeout(resume, 5))
    }
    db.close()
    return { 'first ms': Math.round(firstAt - beganAt), ms: Math.round(performance.now() - beganAt) }
  })
