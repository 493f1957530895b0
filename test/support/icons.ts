import { readFileSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { chromium } from '@playwright/test'
import { browserPath } from './browsers.ts'

// Makes extension/public/icon/*.png from the drawing in extension/ui/Logo.tsx: node test/support/icons.ts
// One colour that stands out on light and on dark toolbars, on nothing.

const root = resolve(import.meta.dirname, '../..')
const colour = '#12877e'
const sizes = [16, 24, 32, 48, 96, 128]

const source = readFileSync(resolve(root, 'extension/ui/Logo.tsx'), 'utf8')
const path = source.match(/logoPath =\s+'(?<path>[^']+)'/)?.groups?.path
if (!path) throw new Error('Logo.tsx has no logoPath')

const browser = await chromium.launch({ executablePath: browserPath('chromium'), args: ['--no-sandbox'] })
const page = await browser.newPage()
for (const size of sizes) {
  await page.setViewportSize({ width: size, height: size })
  await page.setContent(
    `<body style="margin:0"><svg style="display:block" width="${size}" height="${size}" viewBox="0 0 32 32">` +
      `<path fill="${colour}" fill-rule="evenodd" d="${path}"/></svg>`,
  )
  writeFileSync(
    resolve(root, `extension/public/icon/${size}.png`),
    await page.screenshot({ omitBackground: true }),
  )
}
await browser.close()
