/**
 * Two relays to compare with. Each passes a text on to the other one of the pair and confirms it. Without a file it
 * keeps nothing: the least a relay could do. With a file it commits each message by itself first, as comes to mind.
 */
import { DatabaseSync } from 'node:sqlite'
import { WebSocketServer, type WebSocket } from 'ws'

const [port, file] = process.argv.slice(2)
const waiting = new Map<string, WebSocket>()
const store = file === undefined ? () => undefined : storeIn(file)
const sockets = new WebSocketServer({ host: '127.0.0.1', port: Number(port), perMessageDeflate: false })

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
      const text = data.toString()
      store(text)
      from.send('{"type":"ok"}')
      to.send(text)
    })
  }
}

function storeIn(path: string) {
  const database = new DatabaseSync(path)
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL')
  database.exec('CREATE TABLE message (seq INTEGER PRIMARY KEY, body TEXT NOT NULL)')
  const insert = database.prepare('INSERT INTO message (body) VALUES (?)')
  return (text: string) => {
    insert.run(text)
  }
}
