/** The relay's own page: what somebody sees who opens its address in a browser. No script, nothing from elsewhere. */
import { sha256 } from '@noble/hashes/sha2.js'
import { base64 } from '@scure/base'
import { raw, html } from 'hono/html'
import { utf8 } from '#shared/bytes'
import type { AnnouncedLimits } from '#shared/limits'
import { fileOf, type Browser, type Builds } from './builds.ts'
import { style } from './page-style.ts'

/** Lets exactly this style sheet through the page's policy. */
export const styleHash = `sha256-${base64.encode(sha256(utf8(style)))}`

/** One value, because white space that a formatter adds inside the element would change its hash. */
const styleElement = raw(`<style>${style}</style>`)

interface Facts {
  name: string
  address: string
  builds: Builds
  announced: AnnouncedLimits
}

export function page({ name, address, builds, announced }: Facts) {
  const days = Math.round(announced.keepMs / 86_400_000)
  const waiting =
    announced.offline === 'refuse'
      ? 'It keeps nothing for people who are offline: their messages are refused at once.'
      : `For somebody who is offline it keeps messages for ${days} ${days === 1 ? 'day' : 'days'}.`

  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>${name} · a Parley relay</title>
        ${styleElement}
      </head>
      <body>
        <main>
          <header>
            <p class="kind">Parley relay</p>
            <h1>${name}</h1>
            <p>
              Parley is instant messaging that lives in your browser: talk about what you are looking at,
              without leaving it. This is a relay. It carries messages between the people who have an account
              here. ${waiting}
            </p>
          </header>

          <section aria-labelledby="address">
            <h2 id="address">Its address</h2>
            <p class="address"><code>${address}</code></p>
            <p>Parley asks for it when you make an account or sign in.</p>
          </section>

          <section aria-labelledby="install">
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
          </section>

          <section aria-labelledby="sees">
            <h2 id="sees">What this relay can see</h2>
            <p class="plain">
              <strong>Messages are not end-to-end encrypted yet in this version.</strong> Whoever runs this
              relay could read them.
            </p>
            <ul>
              <li>
                User names, who is on whose list, who writes to whom and when, and how long a message is.
              </li>
              <li>Who is online, away or busy, and status texts.</li>
              <li>Your devices by the names they have, such as “Firefox on Linux”.</li>
              <li>Your internet address while you are connected. It is not stored.</li>
            </ul>
            <p>
              It never sees your password: that stays in your browser, and only proofs made from it are sent.
            </p>
          </section>
        </main>
      </body>
    </html> `
}

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
