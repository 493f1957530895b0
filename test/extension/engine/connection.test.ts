/** The connection over sockets that do as they are told, and a clock that is moved by hand. */
import { afterEach, expect, test, vi } from 'vitest'
import type { UserId } from '#shared/ids'
import {
  createConnection,
  type Closed,
  type Failing,
  type Link,
} from '../../../extension/engine/connection.ts'
import { until } from '../../support/until.ts'

const relayHello = JSON.stringify({
  type: 'hello',
  relayId: 'A'.repeat(43),
  nonce: 'A'.repeat(22),
  now: 1,
  versions: [1],
})

class FakeSocket extends EventTarget {
  static all: FakeSocket[] = []
  static throwing = false
  readyState = 0
  binaryType = 'blob'
  sent: string[] = []
  url: string

  constructor(url: string) {
    super()
    if (FakeSocket.throwing) throw new Error('Content-Security-Policy')
    this.url = url
    FakeSocket.all.push(this)
  }
  opens() {
    this.readyState = 1
    this.dispatchEvent(new Event('open'))
  }
  says(text: string) {
    this.dispatchEvent(new MessageEvent('message', { data: text }))
  }
  closes(code = 1006, { withError = false } = {}) {
    this.readyState = 3
    if (withError)
      this.dispatchEvent(Object.assign(new Event('error'), { message: 'lost', error: new Error('lost') }))
    this.dispatchEvent(Object.assign(new Event('close'), { code, reason: '', wasClean: true }))
  }
  send(text: string) {
    if (this.readyState !== 1) throw new Error('not open')
    this.sent.push(text)
  }
  close(code?: number) {
    if (this.readyState >= 2) return
    this.readyState = 3
    this.sent.push(`closed ${code}`)
  }
}

/** A connection, and everything that it does. */
function connect({ failing, startAt = 1_000_000 }: { failing?: Failing; startAt?: number } = {}) {
  let now = startAt
  let timers: { at: number; run: () => void }[] = []
  const closed: Closed[] = []
  const frames: string[] = []
  const links: Link[] = []
  let beats = 0
  FakeSocket.all = []
  FakeSocket.throwing = false
  const connection = createConnection({
    relay: 'https://relay.example',
    user: 'alice' as UserId,
    timers: {
      now: () => now,
      after(ms, run) {
        const timer = { at: now + ms, run }
        timers.push(timer)
        return () => void (timers = timers.filter((other) => other !== timer))
      },
    },
    random: () => 0.5,
    failing,
    WebSocket: FakeSocket,
    heartbeat: () => beats++,
    onFrame(frame, link) {
      frames.push(frame.type)
      if (!links.includes(link)) links.push(link)
    },
    onClosed: (how) => closed.push(how),
  })
  const me = {
    connection,
    closed,
    frames,
    links,
    get beats() {
      return beats
    },
    get last() {
      return FakeSocket.all.at(-1)!
    },
    get waits() {
      return closed.flatMap((how) => (how.type === 'waiting' ? [how.nextTryAt - now] : []))
    },
    now: () => now,
    /** Time passes, and rings what is due. */
    pass(ms: number) {
      const end = now + ms
      for (;;) {
        const [next] = timers.filter(({ at }) => at <= end).toSorted((a, b) => a.at - b.at)
        if (!next) break
        now = Math.max(now, next.at)
        timers = timers.filter((other) => other !== next)
        next.run()
      }
      now = end
    },
    /** The machine sleeps: the clock jumps, and nothing rings meanwhile. */
    sleep(ms: number) {
      now += ms
      for (const timer of timers) timer.at += ms
    },
    timers: () => timers.length,
    /** Waits for the try with that number, letting time pass as needed. */
    async tried(count: number) {
      await until(async () => {
        me.pass(0)
        return FakeSocket.all.length >= count
      }, `try ${count}`)
      expect(FakeSocket.all).toHaveLength(count)
    },
    async waiting(count: number) {
      await until(async () => closed.length >= count && timers.length > 0, `wait ${count}`)
    },
    async online() {
      await me.tried(1)
      me.last.opens()
      me.last.says(relayHello)
      expect(me.links).toHaveLength(1)
      return me.links[0]!
    },
  }
  return me
}
afterEach(() => vi.restoreAllMocks())

test('[HS1] the first try is made at once, to the room of the user, and nothing is said before the relay', async () => {
  const { tried, last: _, ...me } = connect()
  await tried(1)

  expect(FakeSocket.all[0]!.url).toMatch(/^wss:\/\/relay\.example\/parties\/user\/alice\?_pk=/)
  FakeSocket.all[0]!.opens()
  expect(FakeSocket.all[0]!.sent).toEqual([])
  expect(me.closed).toEqual([])
})

test('[R-45] each try that fails waits longer, whether it ends with an error or not', async () => {
  const me = connect()
  await me.tried(1)
  const waits: number[] = []
  for (let failed = 1; failed <= 8; failed++) {
    me.last.closes(1006, { withError: failed % 2 === 0 })
    await me.waiting(failed)
    expect(me.closed).toHaveLength(failed)
    waits.push(me.waits.at(-1)!)
    me.pass(waits.at(-1)! - 1)
    expect(FakeSocket.all).toHaveLength(failed)
    me.pass(1)
    await me.tried(failed + 1)
  }

  expect(waits).toEqual([500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000])
})

test('[R-45] a browser that refuses to make a socket is asked again with the same patience', async () => {
  const me = connect()
  FakeSocket.throwing = true
  await until(async () => me.timers() > 0)
  me.pass(0)
  const waits: number[] = []
  for (let failed = 1; failed <= 4; failed++) {
    await me.waiting(failed)
    waits.push(me.waits.at(-1)!)
    me.pass(waits.at(-1)!)
  }
  expect(waits).toEqual([500, 1000, 2000, 4000])

  FakeSocket.throwing = false
  await until(async () => {
    me.pass(60_000)
    return FakeSocket.all.length === 1
  })
  me.last.opens()
  me.last.says(relayHello)
  expect(me.frames).toEqual(['hello'])
})

test('[R-45] a minute of good connection forgets the failures before it, less does not', async () => {
  const me = connect({ failing: { failures: 5, failingSince: 0, nextTryAt: 0 } })
  const first = await me.online()
  me.connection.established(first)
  me.pass(5000)
  me.last.closes()
  await me.waiting(1)
  expect(me.closed[0]).toMatchObject({ failures: 6, failingSince: 0 })
  me.pass(300_000)
  await me.tried(2)
  me.last.opens()
  me.last.says(relayHello)
  me.connection.established(me.links[1]!)

  for (let second = 0; second < 70; second += 5) {
    me.pass(5000)
    me.last.says('{"type":"pong"}')
  }
  const lostAt = me.now()
  me.last.closes()
  await me.waiting(2)

  expect(me.closed[1]).toMatchObject({ failures: 1, failingSince: lostAt })
})

test('[R-45] a new background waits out what the old one was waiting for', async () => {
  const me = connect({ failing: { failures: 7, failingSince: 900_000, nextTryAt: 1_020_000 } })
  await until(async () => me.timers() > 0)
  me.pass(19_999)
  expect(FakeSocket.all).toEqual([])
  me.pass(1)
  await me.tried(1)
  me.last.closes()
  await me.waiting(1)

  expect(me.closed[0]).toMatchObject({ failures: 8, failingSince: 900_000 })
})

test.each([
  ['in the past', 900_000],
  ['further away than any wait is long: the clock was changed', 90_000_000],
])('[R-45] it does not wait for a time that is %s', async (_, nextTryAt) => {
  const me = connect({ failing: { failures: 3, failingSince: 900_000, nextTryAt } })
  await until(async () => me.timers() > 0)
  me.pass(0)
  await me.tried(1)

  expect(me.closed).toEqual([])
})

test('[R-45] who asks for it now does not wait', async () => {
  const me = connect()
  await me.tried(1)
  me.connection.now() // it is on its way: that does not begin another
  await me.tried(1)
  me.last.closes()
  await me.waiting(1)
  me.connection.now()
  await me.tried(2)
  me.last.opens()
  me.connection.now()
  await me.tried(2)

  expect(me.closed).toHaveLength(1)
})

test('[R-45] a relay that drains says when to come back', async () => {
  const me = connect()
  await me.online()
  me.last.says('{"type":"bye","reason":"drain","retryAfterMs":7300}')
  me.last.closes(1012)
  await me.waiting(1)
  expect(me.waits).toEqual([7300])
  me.pass(7300)
  await me.tried(2)
  me.last.closes()
  await me.waiting(2)

  expect(me.waits[1]).toBe(1000) // it was asked for once
})

test('[HS7] a socket that was replaced comes back only after half a minute', async () => {
  const me = connect()
  await me.online()
  me.last.closes(4409)
  await me.waiting(1)

  expect(me.closed).toMatchObject([{ type: 'waiting', reason: 'replaced', nextTryAt: me.now() + 30_000 }])
  me.pass(30_000)
  await me.tried(2)
})

test.each([
  [4403, 'a device that was removed'],
  [4426, 'a version that is not spoken'],
])('a close with %i ends it: %s', async (code) => {
  const me = connect()
  await me.online()
  me.last.closes(code)

  expect(me.closed).toEqual([{ type: 'refused', code }])
  await until(async () => me.timers() === 0)
})

test.each([1000, 1001, 1006, 1009, 1011, 1013, 4400, 4401, 4408, 4413, 4429])(
  'a close with %i is followed by another try',
  async (code) => {
    const me = connect()
    await me.online()
    me.last.closes(code)
    await me.waiting(1)

    expect(me.closed).toMatchObject([{ type: 'waiting', reason: 'unreachable' }])
  },
)

test('[FR4] every 20 s there is a ping and a sign of life; without an answer within 10 s it begins anew', async () => {
  const me = connect()
  await me.online()
  me.pass(20_000)
  me.last.says('{"type":"pong"}')
  me.pass(20_000)
  expect(me.last.sent).toEqual(['{"type":"ping"}', '{"type":"ping"}'])
  expect(me.beats).toBe(2)

  me.pass(9999)
  expect(FakeSocket.all).toHaveLength(1)
  me.pass(1)
  expect(me.last.sent.at(-1)).toBe('closed 4000')
  await me.waiting(1)
})

test('any frame is an answer', async () => {
  const me = connect()
  await me.online()
  me.pass(20_000)
  me.last.says('{"type":"live","seq":1}')
  me.pass(19_000)

  expect(me.last.sent).toEqual(['{"type":"ping"}'])
})

test('after a sleep the socket is not trusted, whichever timer wakes first', async () => {
  const me = connect()
  await me.online()
  me.sleep(3_600_000)
  me.connection.check()
  await me.waiting(1)
  me.pass(60_000)
  await me.tried(2)
  me.last.opens()
  me.sleep(3_600_000)
  me.pass(20_000)
  await me.waiting(2)

  expect(me.closed).toHaveLength(2)
})

test('the alarm goes on with a wait whose timer was lost, and leaves everything else alone', async () => {
  const me = connect()
  await me.online()
  me.pass(20_000)
  me.last.says('{"type":"pong"}')
  me.pass(15_000)
  me.connection.check()
  expect(me.last.sent).toEqual(['{"type":"ping"}'])
  me.last.closes()
  await me.waiting(1)
  me.connection.check()
  expect(FakeSocket.all).toHaveLength(1)
  me.sleep(60_000)
  me.connection.check()
  await me.tried(2)

  expect(me.closed).toHaveLength(1)
})

test('what was meant for one opening of the socket never goes into the next', async () => {
  const me = connect()
  const first = await me.online()
  me.last.closes()
  expect(first.isOpen()).toBe(false)
  await me.waiting(1)
  me.pass(60_000)
  await me.tried(2)
  me.last.opens()

  expect(first.send({ type: 'ack', seq: 1 })).toBe(false)
  expect(me.last.sent).toEqual([])
  me.connection.again(first) // an old trouble is no trouble of the new one
  expect(me.last.readyState).toBe(1)
  me.last.says(relayHello)
  expect(me.links[1]!.send({ type: 'ack', seq: 1 })).toBe(true)
})

test('after its end it says and does nothing, wherever it was', async () => {
  const waiting = connect()
  await waiting.tried(1)
  waiting.last.closes()
  await waiting.waiting(1)
  waiting.connection.close()
  expect(waiting.timers()).toBe(0)

  const open = connect()
  const link = await open.online()
  open.connection.close()
  open.last.says(relayHello)
  open.connection.again(link)
  open.connection.check()
  open.connection.now()
  expect(open.timers()).toBe(0)
  expect(open.frames).toEqual(['hello'])
  expect(open.closed).toEqual([])

  const unborn = connect()
  unborn.connection.close()
  await new Promise((resolve) => setTimeout(resolve, 5)) // partysocket begins with a timer of its own
  expect(unborn.timers()).toBe(0)
  expect(FakeSocket.all).toEqual([])
})

test('a frame that cannot be read ends nothing', async () => {
  const said = vi.spyOn(console, 'error').mockImplementation(() => {})
  const me = connect()
  await me.online()
  for (const text of ['', '{', 'null', '{"type":"poem"}', '{"type":"live"}']) me.last.says(text)
  me.last.says('{"type":"live","seq":0}')

  expect(me.frames).toEqual(['hello', 'live'])
  expect(said).toHaveBeenCalledTimes(5)
})

test('[PR4] signing off waits for the room to hear it: a socket that closes at once may take the word with it', async () => {
  const me = connect()
  await me.online()
  const { last } = me
  let isGone = false
  void me.connection.leave().then(() => (isGone = true))
  await Promise.resolve()

  expect(last.sent).toEqual(['{"type":"leave"}'])
  expect(isGone).toBe(false)

  last.closes(1000) // as the room does when it has stored it
  await until(async () => isGone, 'gone')
  me.pass(120_000)
  expect(FakeSocket.all).toHaveLength(1)
})

test('signing off does not wait for a relay that does not answer', async () => {
  const me = connect()
  await me.online()
  const { last } = me
  let isGone = false
  void me.connection.leave().then(() => (isGone = true))
  me.pass(2000)
  await until(async () => isGone, 'gone')

  expect(last.sent).toEqual(['{"type":"leave"}', 'closed 1000'])
})
