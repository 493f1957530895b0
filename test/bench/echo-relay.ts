/** The least a relay could do, as the limit to compare with: passes each text on to the other one of the pair. */
import { WebSocketServer, type WebSocket } from 'ws'

const waiting = new Map<string, WebSocket>()
const sockets = new WebSocketServer({
  host: '127.0.0.1',
  port: Number(process.argv[2]),
  perMessageDeflate: false,
})

sockets.on('connection', (ws, request) => {
  const pair = request.url ?? ''
  const other = waiting.get(pair)
  waiting.delete(pair)
  if (other) join(ws, other)
  else waiting.set(pair, ws)
})
sockets.on('listening', () => console.log('ready'))

function join(a: WebSocket, b: WebSocket) {
  for (const [from, to] of [
    [a, b],
    [b, a],
  ] as const) {
    from.on('message', (data) => {
      from.send('{"type":"ok"}')
      to.send(data.toString())
    })
  }
}
