/**
 * Somebody who means a relay on this machine no good, in a process of their own: `node attacker.ts URL KIND MS`. Ends by
 * itself after so many milliseconds, and writes what it was answered as JSON. Loopback has 16 million addresses.
 */
import { once } from 'node:events'
import { request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { randomBytes } from 'node:crypto'
import { WebSocket } from 'ws'
import type { LoginNonce, Pow } from '#shared/api'
import { blobPath } from '#shared/blobs'
import type { ServerFrame } from '#shared/frames'
import { limits } from '#shared/limits'
import { reserve, type Room } from '../support/files.ts'
import { signUpBody, workOut } from '../support/sign-up.ts'
import { infoOf, sealed, WireClient } from '../support/wire-client.ts'

const [relay = '', kind = '', ms = '0'] = process.argv.slice(2)
const { hostname, port, host } = new URL(relay)
if (!hostname.startsWith('127.')) throw new Error('only against a relay on this machine')
const endsAt = performance.now() + Number(ms)
const isOver = () => performance.now() >= endsAt
const pause = (pauseMs: number) => new Promise((resolve) => setTimeout(resolve, pauseMs))
setTimeout(() => process.exit(3), Number(ms) + 20_000).unref()

/** How often each answer came: a code, a close code, a status. */
const answers: Record<string, number> = {}
const note = (what: string) => (answers[what] = (answers[what] ?? 0) + 1)
let tries = 0

let addresses = 0
/** Another address each time. */
function anotherAddress(): string {
  addresses += 1
  return `127.1.${(addresses >> 8) & 255}.${addresses & 255 || 1}`
}

// --- Means ------------------------------------------------------------------------------------------------------

function open(user: string, localAddress: string): WebSocket {
  tries += 1
  const socket = new WebSocket(`ws://${host}/parties/user/${user}`, {
    localAddress,
    perMessageDeflate: false,
  })
  socket.on('error', () => undefined)
  socket.on('unexpected-response', (asking, response) => {
    note(`status ${response.statusCode}`)
    asking.destroy()
  })
  socket.on('close', (code) => note(`close ${code}`))
  return socket
}

/** A signed-in socket of that account; null when it did not come to that. */
function signedIn(client: WireClient, localAddress: string): Promise<WebSocket | null> {
  const socket = open(client.user, localAddress)
  return new Promise((done) => {
    socket.on('close', () => done(null))
    socket.on('unexpected-response', () => done(null))
    socket.on('message', async (data) => {
      const frame = JSON.parse(data.toString()) as ServerFrame
      if (frame.type === 'hello') socket.send(JSON.stringify(await client.auth(frame)))
      if (frame.type === 'live') done(socket)
      if (frame.type === 'error') note(`${frame.code}${frame.retryAfterMs ? ' + hint' : ''}`)
    })
  })
}

const accounts = (count: number) =>
  Promise.all(
    Array.from({ length: count }, (_, i) =>
      WireClient.signUp(relay, `mallory-${i}-${randomBytes(2).toString('hex')}`),
    ),
  )

/** The answer's body, null when there is none or it is a refusal. */
function post<R>(path: string, body: unknown, localAddress: string): Promise<R | null> {
  tries += 1
  return new Promise((done) => {
    const asking = request({
      hostname,
      port,
      path,
      method: 'POST',
      localAddress,
      headers: { 'content-type': 'application/json' },
    })
    asking.on('response', (response) => {
      let text = ''
      response.on('data', (chunk: Buffer) => (text += chunk))
      response.on('end', () => {
        const isFine = response.statusCode === 200
        const code = isFine ? 'ok' : JSON.parse(text).error.code
        note(`${response.statusCode} ${code}${response.headers['retry-after'] ? ' + hint' : ''}`)
        done(isFine ? (JSON.parse(text) as R) : null)
      })
    })
    asking.on('error', () => (note('cut off'), done(null)))
    asking.end(JSON.stringify(body))
  })
}

/** Does it again and again, so many at a time, until the time is over. */
const keepDoing = (atOnce: number, thing: (worker: number) => Promise<unknown>) =>
  Promise.all(
    Array.from({ length: atOnce }, async (_, worker) => {
      while (!isOver()) await thing(worker)
    }),
  )

// --- Kinds ------------------------------------------------------------------------------------------------------

const held: { terminate?(): void; destroy?(): void }[] = []
const junk = 'x'.repeat(120 * 1024)
const MiB = limits.partBytes

const kinds: Record<string, () => Promise<unknown>> = {
  /** 10,000 sockets that never sign in, from 2,000 addresses. */
  'half-open sockets': async () => {
    for (let i = 0; i < 10_000 && !isOver(); i++) {
      held.push(open(`nobody-${i}`, `127.2.${Math.floor(i / 5) % 250}.${1 + (Math.floor(i / 1250) % 250)}`))
      if (i % 50 === 49) await pause(20)
    }
    while (!isOver()) await pause(50)
  },
  /** Connections that never ask for anything, from one address. */
  'silent connections': async () => {
    for (let i = 0; i < 5000 && !isOver(); i++) {
      const socket: Socket = connect({ host: hostname, port: Number(port), localAddress: '127.3.0.1' })
      tries += 1
      socket.on('error', () => undefined)
      socket.on('close', () => note('cut off'))
      held.push(socket)
      if (i % 50 === 49) await pause(20)
    }
    while (!isOver()) await pause(50)
  },
  /** Frames far over the limit, before and after `auth`. */
  'giant frames': () =>
    keepDoing(4, async () => {
      const socket = open('nobody-here', anotherAddress())
      socket.on('open', () => socket.send(junk + junk))
      await new Promise((done) => socket.on('close', done).on('error', done))
    }),
  'a flood of frames': async () => {
    const clients = await accounts(4)
    await keepDoing(clients.length, async (i) => {
      const socket = await signedIn(clients[i]!, `127.4.0.${i + 1}`)
      if (!socket) return pause(100)
      while (!isOver() && socket.readyState === WebSocket.OPEN) {
        if (socket.bufferedAmount < 200_000) for (let n = 0; n < 200; n++) socket.send('{"type":"ping"}')
        tries += 200
        await pause(1)
      }
      socket.terminate()
      return undefined
    })
  },
  /** Asks and never reads: for WebSocket's own pings, which a library answers by itself. */
  'unread answers': async () => {
    const clients = await accounts(4)
    await keepDoing(clients.length, async (i) => {
      const socket = await signedIn(clients[i]!, `127.5.0.${i + 1}`)
      if (!socket) return pause(100)
      socket.pause()
      while (!isOver() && socket.readyState === WebSocket.OPEN) {
        if (socket.bufferedAmount < 200_000) for (let n = 0; n < 100; n++) socket.ping(junk.slice(0, 100))
        tries += 100
        await pause(1)
      }
      socket.terminate()
      return undefined
    })
  },
  /** Whole ones, with their work and signatures, until an address may make no more. */
  'sign-ups': async () => {
    const { relayId } = await infoOf(relay)
    await keepDoing(16, async (i) => {
      const [user, address] = [`mallory-${tries}`, `127.6.0.${i + 1}`]
      const work = await post<Pow>('/v1/register/start', { user }, address)
      if (!work) return
      const { body } = await signUpBody({ relayId, user, work: workOut(work) })
      await post('/v1/register', body, address)
    })
  },
  /** With a nonce of the relay's and a signature that does not hold: all that the relay has to look at. */
  'guessed passwords': () =>
    keepDoing(16, async (i) => {
      const [user, address] = ['honest-0', `127.7.0.${i + 1}`]
      const nonce = await post<LoginNonce>('/v1/login/start', { user }, address)
      if (!nonce) return
      await post('/v1/login/finish', { ...nonce, user, slot: 'pw', signature: 'A'.repeat(86) }, address)
    }),
  /** Parts again and again, uploads that never end and answers that nobody reads, all of one address. */
  'blob floods': async () => {
    const [one, other] = (await accounts(2)) as [WireClient, WireClient]
    await Promise.all([one.connect(), other.connect()])
    const [again, never] = [await reserve(one, 4 * MiB), await reserve(other, 100 * MiB)]
    const part = Buffer.alloc(MiB, 'x')
    const head = (blob: Room, n: number) =>
      `PUT ${blobPath(blob.blob, n)} HTTP/1.1\r\nhost: ${host}\r\nauthorization: Parley ${blob.token}\r\n` +
      `content-length: ${MiB}\r\n\r\n`
    const say = (text: string | Buffer, isRead: boolean) => {
      tries += 1
      const socket = connect({ host: hostname, port: Number(port), localAddress: '127.10.0.1' })
      socket.on('error', () => undefined)
      socket.write(text)
      if (isRead) {
        socket.on('data', (chunk: Buffer) => {
          const answer = chunk.toString('latin1')
          const [, status] = /^HTTP\/1\.1 (\d+)/.exec(answer) ?? []
          if (status) note(`status ${status}${/\r\nretry-after:/i.test(answer) ? ' + hint' : ''}`)
        })
      }
      held.push(socket)
      return socket
    }
    const whole = (n: number) => Buffer.concat([Buffer.from(head(again, n)), part])
    await Promise.all([0, 1, 2, 3].map((n) => once(say(whole(n), true), 'data')))
    for (let i = 0; i < 100; i++) {
      say(`${head(never, i % 100)}x`, true)
      say(`GET ${blobPath(again.blob, i % 4)} HTTP/1.1\r\nhost: ${host}\r\n\r\n`.repeat(16), false)
    }
    await keepDoing(8, async (i) => {
      const socket = say(whole(i % 4), true)
      await Promise.race([once(socket, 'data'), once(socket, 'close'), pause(1000)])
      socket.destroy()
    })
  },
  'knocks and flapping': async () => {
    const clients = await accounts(8)
    await keepDoing(clients.length, async (i) => {
      const socket = await signedIn(clients[i]!, `127.8.0.${i + 1}`)
      if (!socket) return pause(100)
      for (let n = 0; n < 10; n++) {
        clients[i]!.socket = socket
        clients[i]!.send(`honest-${n}`, sealed('buy this'), { kind: 'knock' })
        socket.send(
          JSON.stringify({ type: 'presence', mode: n % 2 === 0 ? 'dnd' : 'auto', status: `s ${n}` }),
        )
        socket.send(JSON.stringify({ type: 'typing', to: `honest-${n}`, state: 'composing' }))
      }
      await pause(20)
      socket.terminate()
      return undefined
    })
  },
}

await kinds[kind]!()
for (const one of held) {
  one.terminate?.()
  one.destroy?.()
}
process.stdout.write(`${JSON.stringify({ tries, answers })}\n`, () => process.exit(0))
