/** Takes bodies and gives them back, from memory: as little as a server can do. */
import { createServer } from 'node:http'

const bodies = new Map<string, Buffer>()

createServer((request, response) => {
  const path = request.url!
  if (request.method === 'GET') return response.end(bodies.get(path))
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => chunks.push(chunk))
  request.on('end', () => {
    bodies.set(path, Buffer.concat(chunks))
    response.end()
  })
}).listen(Number(process.argv[2]), '127.0.0.1')
