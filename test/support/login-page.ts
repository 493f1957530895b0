import { createServer } from 'node:http'

const html = `<!doctype html><title>Sign in</title>
<form><label>Password <input id="password" type="password" autofocus></label></form>`

/** A page of the web in which somebody types a password: served on loopback, like any other site. */
export async function serveLoginPage(): Promise<{ url: string; stop(): void }> {
  const server = createServer((_, response) => {
    response.setHeader('content-type', 'text/html; charset=utf-8')
    response.end(html)
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const { port } = server.address() as { port: number }
  return {
    url: `http://127.0.0.1:${port}/`,
    stop() {
      server.closeAllConnections()
      server.close()
    },
  }
}
