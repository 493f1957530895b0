/** Everything that is not a socket, the same on every host. Routes of accounts: accounts.ts. */
import { Hono, type Context } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { routePath } from 'hono/route'
import { cors } from 'hono/cors'
import { secureHeaders } from 'hono/secure-headers'
import { timeout } from 'hono/timeout'
import type { Info } from '#shared/api'
import { ProtocolError } from '#shared/errors'
import type { Millis } from '#shared/ids'
import { supportedVersions } from '#shared/version'
import type { Log, Metric, Random, RelaySettings } from '../core/ports.ts'
import { accountRoutes, type Accounts } from './accounts.ts'
import { blobRoutes, type Blobs } from './blobs.ts'
import { browsers, fileOf, type Builds } from './builds.ts'
import type { Invites } from './invites.ts'
import { limitKey } from './address.ts'
import { rateLimit } from './rate.ts'
import { invitePage, isInvitePath } from './invite-page.ts'
import { isExtension, mayAsk } from './origins.ts'
import { page } from './page.ts'
import { styleHash } from './page-parts.ts'
import { asProtocolError, brokeOff, refusal } from './refusals.ts'

export interface HttpSettings extends RelaySettings {
  /** What the relay calls itself towards people. */
  name: string
  /** The address people enter in Parley, when it is not the one a request came to. */
  publicUrl?: string
  powBits: number
  registrationsPerDay: number
  /** From one address. */
  requestsPerMinute: number
}

export interface Health {
  /** Does the relay still work at all? If not, it should be started again. */
  alive(): boolean | Promise<boolean>
  /** Should it get new connections? */
  ready(): boolean | Promise<boolean>
}

export interface HttpHost {
  rooms: Accounts
  blobs: Blobs
  settings: HttpSettings
  /** At least 32 bytes that nobody else knows. */
  secret: Uint8Array
  clock(): Millis
  random: Random
  log: Log
  /** Where a request came from: for limits only, never stored or written to a log. */
  addressOf(c: Context): string
  builds?: () => Builds | Promise<Builds>
  health?: Health
  /** Only who has a code makes an account. */
  invites?: Invites
  metric?: Metric
}

const probes = new Set(['/healthz', '/readyz', '/metrics'])
/** An account's first request is some 20 KB; nothing else comes near. */
const bodyBytesMax = 256 * 1024
const answerWithinMs = 10_000

export function createApp(host: HttpHost): Hono {
  const app = new Hono()
  const { settings } = host
  const healthy: Health = host.health ?? { alive: () => true, ready: () => true }
  const ownOrigin = (c: Context) => settings.publicUrl ?? new URL(c.req.url).origin

  app.use(async (c, next) => {
    const startedAt = host.clock()
    await next()
    const route = routePath(c, -1)
    const labels = { method: c.req.method, route, status: String(c.res.status) }
    host.metric?.('http_requests', labels)
    host.log('debug', 'a request', { ...labels, ms: host.clock() - startedAt })
  })
  app.use(
    secureHeaders({
      contentSecurityPolicy: {
        defaultSrc: ["'none'"],
        styleSrc: [`'${styleHash}'`],
        baseUri: ["'none'"],
        formAction: ["'none'"],
        frameAncestors: ["'none'"],
      },
      xFrameOptions: 'DENY',
      referrerPolicy: 'no-referrer',
      strictTransportSecurity: false, // the proxy's to say: it has the certificate
    }),
  )
  const requests = rateLimit({ burst: settings.requestsPerMinute, perMs: 60_000 }, host.clock)
  app.use(async (c, next) => {
    // Whoever watches over the relay is not to be turned away, and parts of files have limits of their own (BL10).
    if (probes.has(c.req.path) || c.req.path.startsWith('/v1/blobs/')) return next()
    const retryAfterMs = requests.take(limitKey(host.addressOf(c)))
    if (retryAfterMs === null) return next()
    host.metric?.('limits_hit', { limit: 'requests' })
    throw new ProtocolError('policy-violation', 'too many requests', { retryAfterMs })
  })
  app.use(
    '/v1/*',
    cors({
      origin: (origin) => (isExtension(origin) ? origin : null),
      allowHeaders: ['content-type', 'authorization'],
      allowMethods: ['GET', 'POST', 'PUT'],
      maxAge: 3600,
    }),
  )
  app.use('/v1/*', async (c, next) => {
    if (c.req.method !== 'GET' && !mayAsk(c.req.header('origin'), ownOrigin(c))) {
      throw new ProtocolError('forbidden', 'not from a web page')
    }
    await next()
    c.header('cache-control', 'no-store')
  })
  blobRoutes(app, host) // before the limits of all other routes: it has its own
  app.use('/v1/*', timeout(answerWithinMs))
  const limited = bodyLimit({
    maxSize: bodyBytesMax,
    onError() {
      const response = refusal(new ProtocolError('too-large', 'the body is over the limit'))
      response.headers.set('connection', 'close') // the rest of the body is in the way of another request
      return response
    },
  })
  app.use('/v1/*', async (c, next) => {
    try {
      return await limited(c, next)
    } catch {
      throw brokeOff() // the limit has read it; what fails behind it is not thrown but kept by Hono
    }
  })

  app.get('/v1/info', (c) =>
    c.json({
      name: settings.name,
      relayId: settings.relayId,
      versions: [...supportedVersions],
      now: host.clock(),
      invite: host.invites ? 'required' : 'none',
      limits: settings.announced,
    } satisfies Info),
  )
  accountRoutes(app, host)

  app.get('/', async (c) => {
    const builds = (await host.builds?.()) ?? {}
    return c.html(page({ name: settings.name, address: ownOrigin(c), builds, announced: settings.announced }))
  })
  app.get('/u/:name', async (c) => {
    if (!isInvitePath(new URL(c.req.url).pathname)) throw new ProtocolError('item-not-found', 'no such page')
    const builds = (await host.builds?.()) ?? {}
    return c.html(invitePage({ address: ownOrigin(c), builds }))
  })
  app.get('/download/:file', async (c) => {
    const builds = (await host.builds?.()) ?? {}
    const browser = browsers.find((name) => c.req.param('file') === fileOf(name))
    const build = browser && builds[browser]
    if (!browser || !build) throw new ProtocolError('item-not-found', 'no such download')
    return c.body(build.open(), 200, {
      'content-type': 'application/zip',
      'content-length': String(build.bytes),
      'content-disposition': `attachment; filename="${fileOf(browser)}"`,
    })
  })
  app.get('/.well-known/parley.json', (c) =>
    c.json({
      address: ownOrigin(c),
      info: '/v1/info',
      sockets: '/parties/user/{user}',
      versions: supportedVersions,
    }),
  )
  app.get('/healthz', async (c) => c.json(...(await state(healthy.alive))))
  app.get('/readyz', async (c) => c.json(...(await state(healthy.ready))))

  app.notFound(() => refusal(new ProtocolError('item-not-found', 'no such page')))
  app.onError((thrown) => {
    const error = asProtocolError(thrown)
    if (error.code === 'internal-server-error')
      host.log('error', 'a request failed', { error: String(thrown.stack) })
    return refusal(error)
  })
  return app
}

async function state(holds: () => boolean | Promise<boolean>) {
  const ok = await holds()
  return [{ ok }, ok ? 200 : 503] as const
}
