import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { chromium, type BrowserContext, type Page } from '@playwright/test'
import { browserPath } from './browsers.ts'
import { chromeBuild } from './chromium.ts'
import { screens as plain, type Rows, type Screen } from './screens-data.ts'
import { fileScreens } from './screens-files.ts'

// Every screen with made-up data, as PNGs to look at: npx wxt build -b chrome && node test/support/screens.ts [folder]
// [part of a name]. The built extension runs with a background that answers from a list and touches nothing.

const folder = resolve(process.argv[2] ?? '.output/screens')
const wanted = process.argv[3] ?? ''
const screens = [...plain, ...fileScreens]

/** The extension as built, with a background of our own. */
function quietExtension(): string {
  const copy = mkdtempSync(join(tmpdir(), 'parley-screens-'))
  cpSync(chromeBuild, copy, { recursive: true })
  writeFileSync(join(copy, 'background.js'), readFileSync(join(import.meta.dirname, 'screens-background.js')))
  return copy
}

/** Writes rows as they are, past Dexie: pages see what is there when they load. */
async function seed(page: Page, rows: Rows) {
  await page.evaluate(
    async (tables) => {
      const db = await new Promise<IDBDatabase>((done, fail) => {
        const open = indexedDB.open('parley')
        open.addEventListener('success', () => done(open.result))
        open.addEventListener('error', () => fail(open.error))
      })
      const stores = [...db.objectStoreNames]
      const transaction = db.transaction(stores, 'readwrite')
      for (const store of stores) {
        transaction.objectStore(store).clear()
        for (const row of tables[store] ?? []) transaction.objectStore(store).put(row)
      }
      await new Promise((done, fail) => {
        transaction.addEventListener('complete', done)
        transaction.addEventListener('error', () => fail(transaction.error))
      })
      db.close()
    },
    rows as Record<string, object[]>,
  )
}

async function shoot(context: BrowserContext, origin: string, screen: Screen) {
  const page = await context.newPage()
  const { width, height } = screen.size
  await page.setViewportSize({ width, height })
  await page.clock.setFixedTime(screen.now)
  await page.emulateMedia({
    colorScheme: screen.dark ? 'dark' : 'light',
    forcedColors: screen.forced ? 'active' : 'none',
    reducedMotion: 'reduce',
  })
  // Any page makes the tables; then the real one finds them filled.
  await page.goto(`${origin}/popup.html`)
  await page.waitForFunction(async () => (await indexedDB.databases()).some(({ name }) => name === 'parley'))
  await page.waitForFunction(() => document.getElementById('page')!.childElementCount > 0)
  await seed(page, screen.rows)
  if (screen.brokenDatabase) {
    await page.addInitScript((name) => {
      const open = indexedDB.open.bind(indexedDB)
      let isFirst = true
      indexedDB.open = (...args) => {
        if (!isFirst) return open(...args)
        isFirst = true
        throw new DOMException(
          'A mutation operation was attempted on a database that did not allow mutations.',
          name,
        )
      }
    }, screen.brokenDatabase)
  }
  if (screen.rtl) {
    await page.addInitScript(() => {
      new MutationObserver(() => {
        if (document.documentElement.dir === 'ltr') document.documentElement.dir = 'rtl'
      }).observe(document, { subtree: true, attributes: true, attributeFilter: ['dir'] })
    })
  }
  await page.goto(`${origin}/${screen.path}`)
  await page.waitForFunction(() => document.getElementById('page')!.childElementCount > 0)
  await page.evaluate(() => document.fonts.ready)
  await page.waitForTimeout(700) // the connection line opens late on purpose
  await screen.act?.(page)
  await page.screenshot({ path: join(folder, `${screen.name}.png`) })
  await page.close()
}

const extension = quietExtension()
const profile = mkdtempSync(join(tmpdir(), 'parley-screens-profile-'))
mkdirSync(folder, { recursive: true })
const context = await chromium.launchPersistentContext(profile, {
  executablePath: browserPath('chromium'),
  headless: true,
  timezoneId: 'Europe/Berlin',
  args: [`--disable-extensions-except=${extension}`, `--load-extension=${extension}`, '--no-sandbox'],
})
const worker = context.serviceWorkers()[0] ?? (await context.waitForEvent('serviceworker'))
const origin = `chrome-extension://${new URL(worker.url()).host}`
for (const screen of screens) {
  if (!screen.name.includes(wanted)) continue
  await shoot(context, origin, screen).catch((error) => console.error(`${screen.name}: ${error}`))
}
await sheet(screens.filter(({ name }) => name.includes(wanted)))
await context.close()
rmSync(extension, { recursive: true })
rmSync(profile, { recursive: true, force: true })

/** Several on one picture, to see them side by side: sheet-1.png, sheet-2.png, … */
async function sheet(shown: Screen[]) {
  const page = await context.newPage()
  await page.setViewportSize({ width: 1560, height: 600 })
  for (let at = 0; at < shown.length; at += 4) {
    const images = shown.slice(at, at + 4).map(({ name }) => ({
      name,
      url: `data:image/png;base64,${readFileSync(join(folder, `${name}.png`)).toString('base64')}`,
    }))
    await page.setContent(
      `<body style="margin:8px;background:#888;display:flex;flex-wrap:wrap;gap:12px;font:12px sans-serif">${images
        .map(({ name, url }) => `<div>${name}<br><img src="${url}"></div>`)
        .join('')}`,
    )
    await page.screenshot({ path: join(folder, `sheet-${at / 4 + 1}.png`), fullPage: true })
  }
  await page.close()
}
