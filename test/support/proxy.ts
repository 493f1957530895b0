import { connect, createServer, type Socket } from 'node:net'
import type { AddressInfo } from 'node:net'

export type Proxy = {
  /** Stands in for the relay's address. */
  url: string
  /** Bytes from the relay wait here: what the relay did is done, and nobody hears of it. */
  holdAnswers(): void
  /** Bytes from the browser wait here. */
  holdRequests(): void
  /** Lets everything that waits go on. */
  release(): void
  /** Everything takes so much longer from here on, each way. */
  delay(ms: number): void
  /** Everything goes on byte by byte, each in a packet of its own. */
  trickle(on: boolean): void
  /** Breaks every connection at once; what waited in it is lost. */
  cut(): void
  /** While down, new connections are refused and the old ones broken. */
  down(on: boolean): void
  close(): Promise<void>
}

/**
 * A wire between browser and relay that can be cut and held at will. It knows nothing of the protocol, so what a
 * test sees is what a bad network would do.
 */
export async function startProxy(target: string): Promise<Proxy> {
  const { hostname, port } = new URL(target)
  const pairs = new Set<{ browser: Socket; relay: Socket }>()
  let holdingAnswers = false
  let holdingRequests = false
  let isDown = false
  let delayMs = 0
  let isTrickling = false
  const slow = new WeakMap<Socket, (() => void)[]>()

  const server = createServer((browser) => {
    if (isDown) return void browser.resetAndDestroy()
    const relay = connect(Number(port), hostname)
    const pair = { browser, relay }
    pairs.add(pair)
    const end = () => {
      pairs.delete(pair)
      browser.destroy()
      relay.destroy()
    }
    for (const socket of [browser, relay]) {
      socket.setNoDelay(true)
      socket.on('error', end)
      socket.on('close', end)
    }
    browser.on('data', (bytes: Buffer) => pass(bytes, relay))
    relay.on('data', (bytes: Buffer) => pass(bytes, browser))
    apply(pair)
  })

  function pass(bytes: Buffer, to: Socket) {
    const write = () => {
      const size = isTrickling ? 1 : bytes.length
      for (let at = 0; at < bytes.length && to.writable; at += size) to.write(bytes.subarray(at, at + size))
    }
    const queue = slow.get(to) ?? []
    slow.set(to, queue)
    if (delayMs === 0 && queue.length === 0) return write()
    // Bytes stay in their order: whichever timer rings, what has waited for longest goes first.
    queue.push(write)
    setTimeout(() => queue.shift()!(), delayMs)
  }

  function apply({ browser, relay }: { browser: Socket; relay: Socket }) {
    if (holdingAnswers) relay.pause()
    else relay.resume()
    if (holdingRequests) browser.pause()
    else browser.resume()
  }

  function cut() {
    for (const { browser, relay } of pairs) {
      browser.resetAndDestroy()
      relay.resetAndDestroy()
    }
  }

  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    holdAnswers() {
      holdingAnswers = true
      pairs.forEach(apply)
    },
    holdRequests() {
      holdingRequests = true
      pairs.forEach(apply)
    },
    release() {
      holdingAnswers = holdingRequests = false
      pairs.forEach(apply)
    },
    delay(ms) {
      delayMs = ms
    },
    trickle(on) {
      isTrickling = on
    },
    cut,
    down(on) {
      isDown = on
      if (on) cut()
    },
    close() {
      cut()
      return new Promise((closed) => server.close(() => closed()))
    },
  }
}
