/** What the relay's pages have in common. No script, nothing from elsewhere. */
import { sha256 } from '@noble/hashes/sha2.js'
import { base64 } from '@scure/base'
import { raw, html } from 'hono/html'
import { utf8 } from '#shared/bytes'
import { fileOf, type Browser, type Builds } from './builds.ts'
import { style } from './page-style.ts'

/** Lets exactly this style sheet through the pages' policy. */
export const styleHash = `sha256-${base64.encode(sha256(utf8(style)))}`

/** One value, because white space that a formatter adds inside the element would change its hash. */
const styleElement = raw(`<style>${style}</style>`)

type Html = ReturnType<typeof html>

export const documentOf = (title: string, content: Html) =>
  html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>${title}</title>
        ${styleElement}
      </head>
      <body>
        <main>${content}</main>
      </body>
    </html> `

export const installation = (builds: Builds) =>
  html`<section aria-labelledby="install">
    <h2 id="install">Install Parley</h2>
    <div class="two">
      <div>
        <h3>Chrome, Edge, Brave</h3>
        ${download('chrome', builds)}
        <ol>
          <li>Unpack it into a folder that can stay where it is.</li>
          <li>Open <code>chrome://extensions</code> and turn on “Developer mode”.</li>
          <li>Choose “Load unpacked” and pick the folder.</li>
        </ol>
      </div>
      <div>
        <h3>Firefox</h3>
        ${download('firefox', builds)}
        <ol>
          <li>Open <code>about:debugging</code> and choose “This Firefox”.</li>
          <li>Choose “Load Temporary Add-on…” and pick the file, packed as it is.</li>
          <li>Firefox takes it out again when it closes: then load it once more.</li>
        </ol>
      </div>
    </div>
  </section>`

const names: Record<Browser, string> = { chrome: 'Chrome', firefox: 'Firefox' }

function download(browser: Browser, builds: Builds) {
  const build = builds[browser]
  if (!build) {
    return html`<p class="meta">
      This relay has no package for ${names[browser]} to offer. Ask whoever told you about it, or build Parley
      from its source.
    </p>`
  }
  return html`<p>
    <a class="button" href="/download/${fileOf(browser)}" download>Download for ${names[browser]}</a>
    <span class="meta">${size(build.bytes)}</span>
  </p>`
}

const size = (bytes: number) =>
  bytes < 1_000_000 ? `${Math.max(1, Math.round(bytes / 1000))} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`
