import { spawn } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { chromium, type BrowserContext, type Page, type Worker } from '@playwright/test'
import { browserPath } from './browsers.ts'

/** The built extension (`npm run build`). */
export const chromeBuild = resolve(import.meta.dirname, '../../.output/chrome-mv3')

export type ChromiumPerson = {
  context: BrowserContext
  /** The background. Never await its `evaluate` between a stop and a restart: it hangs. */
  worker: Worker
  /** The extension's id, fixed by the manifest's key. */
  id: string
  /** The profile's folder: hand it to the next launch to start the same person again. */
  profile: string
  /** Opens a page of the extension in a tab, for example `popup.html`. */
  page(path: string): Promise<Page>
  close(): Promise<void>
}

type Options = {
  extension?: string
  /** A profile folder of an earlier launch; a fresh one when left out. */
  profile?: string
  headless?: boolean
  args?: string[]
  /** For `DISPLAY`, of a screen of one's own (display.ts). */
  env?: NodeJS.ProcessEnv
}

/** One person: Chromium with a profile of its own and the built extension. Up in about a second. */
export async function launchChromium({
  extension = chromeBuild,
  profile = mkdtempSync(join(tmpdir(), 'parley-chromium-')),
  headless = true,
  args = [],
  env,
}: Options = {}): Promise<ChromiumPerson> {
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: browserPath('chromium'),
    headless, // with executablePath this is the new headless mode, which loads extensions
    ...(env && { env: env as Record<string, string> }),
    viewport: null, // windows keep the size the extension asked for
    args: [
      `--disable-extensions-except=${extension}`,
      `--load-extension=${extension}`,
      '--no-sandbox',
      '--disable-quic',
      '--disable-background-networking',
      ...args,
    ],
  })
  const worker = context.serviceWorkers()[0] ?? (await context.waitForEvent('serviceworker'))
  const id = new URL(worker.url()).host
  return {
    context,
    worker,
    id,
    profile,
    async page(path) {
      const page = await context.newPage()
      await page.goto(`chrome-extension://${id}/${path}`)
      return page
    },
    close: () => context.close(),
  }
}

/** Stops every service worker, as the browser does when it is idle. Any message from a page starts it anew. */
export async function stopWorkers(context: BrowserContext) {
  const page = context.pages()[0] ?? (await context.newPage())
  const cdp = await context.newCDPSession(page)
  await cdp.send('ServiceWorker.enable')
  await cdp.send('ServiceWorker.stopAllWorkers')
  await cdp.detach()
}

/**
 * Chromium with nothing attached: only so does an idle worker die as it does for users. Sign in by
 * `launchChromium`, close, and start the same profile with this; what it does is seen from the relay.
 */
export function spawnChromium(profile: string, extension = chromeBuild) {
  const child = spawn(
    browserPath('chromium'),
    [
      '--headless=new',
      '--no-sandbox',
      '--no-first-run',
      '--disable-background-networking',
      `--user-data-dir=${profile}`,
      `--disable-extensions-except=${extension}`,
      `--load-extension=${extension}`,
      'about:blank',
    ],
    { stdio: 'ignore' },
  )
  return {
    async close() {
      const gone = new Promise((done) => child.once('exit', done))
      if (child.exitCode === null && child.signalCode === null && child.kill()) await gone
    },
  }
}
