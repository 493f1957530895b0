/** What Node and ws refuse by themselves, said in the relay's own words: codes and hints as everywhere. */
import { STATUS_CODES, type Server, type ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { WebSocket } from 'ws'
import { errors, type ErrorCode } from '#shared/errors'
import type { ServerFrame } from '#shared/frames'
import { refusedForMs } from './crowd.ts'

/** ws ends a socket by itself over a frame that is too long, or that breaks WebSocket's own rules. */
const reasons: Partial<Record<number, ErrorCode>> = {
  1002: 'bad-request',
  1007: 'bad-request',
  1009: 'too-large',
}

/** Says why before ws closes it: after that nothing can be said. */
export class ToldWebSocket extends WebSocket {
  override close(closeCode?: number, reason?: string | Buffer): void {
    const code = closeCode === undefined || reason !== undefined ? undefined : reasons[closeCode]
    if (code && this.readyState === WebSocket.OPEN) {
      this.send(JSON.stringify({ type: 'error', code, action: errors[code].action } satisfies ServerFrame))
    }
    super.close(closeCode, reason)
  }
}

/** For whoever has not come as far as a request: an answer, and the end of the connection. */
export function refuseBare(socket: Duplex, status: number, code: ErrorCode): void {
  const { action } = errors[code]
  const retryAfterMs = action === 'wait' ? refusedForMs : undefined
  const body = JSON.stringify({ error: { code, action, retryAfterMs } })
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    'connection: close',
    'content-type: application/json',
    `content-length: ${body.length}`,
    ...(retryAfterMs === undefined ? [] : [`retry-after: ${Math.ceil(retryAfterMs / 1000)}`]),
  ]
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy())
}

/** What is no HTTP, has too long a head, or did not come in time. */
export function refuseBroken(server: Server): void {
  server.on('clientError', ({ code }: NodeJS.ErrnoException, socket) => {
    // Node's own name for the answer that is under way: another one cannot begin in its middle.
    const { _httpMessage: answer } = socket as Duplex & { _httpMessage?: ServerResponse | null }
    if (code === 'ECONNRESET' || !socket.writable || answer?.headersSent) socket.destroy()
    else if (code === 'HPE_HEADER_OVERFLOW') refuseBare(socket, 431, 'too-large')
    else if (code === 'ERR_HTTP_REQUEST_TIMEOUT') refuseBare(socket, 408, 'resource-constraint')
    else refuseBare(socket, 400, 'bad-request')
  })
}
