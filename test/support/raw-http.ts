import { randomBytes } from 'node:crypto'
import { request } from 'node:http'

/** What the relay answers to a path exactly as it stands here: `fetch` and `WebSocket` would tidy it up first. */
export function rawRequest(
  relay: string,
  path: string,
  { upgrade = false, headers = {} }: { upgrade?: boolean; headers?: Record<string, string> } = {},
): Promise<{ status: number; body: string }> {
  const { hostname, port } = new URL(relay)
  const handshake = {
    connection: 'Upgrade',
    upgrade: 'websocket',
    'sec-websocket-version': '13',
    'sec-websocket-key': randomBytes(16).toString('base64'),
  }
  return new Promise((resolve, reject) => {
    const asking = request({ hostname, port, path, headers: { ...(upgrade ? handshake : {}), ...headers } })
    asking.on('upgrade', (_, socket) => {
      socket.destroy()
      resolve({ status: 101, body: '' })
    })
    asking.on('response', (response) => {
      let body = ''
      response.on('data', (chunk: Buffer) => (body += chunk))
      response.on('end', () => resolve({ status: response.statusCode!, body }))
    })
    asking.on('error', reject)
    asking.end()
  })
}
