/** The relay's own page: what somebody sees who opens its address in a browser. */
import { html } from 'hono/html'
import type { AnnouncedLimits } from '#shared/limits'
import type { Builds } from './builds.ts'
import { documentOf, installation } from './page-parts.ts'

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

  return documentOf(
    `${name} · a Parley relay`,
    html`<header>
        <p class="kind">Parley relay</p>
        <h1>${name}</h1>
        <p>
          Parley is instant messaging that lives in your browser: talk about what you are looking at, without
          leaving it. This is a relay. It carries messages between the people who have an account here.
          ${waiting}
        </p>
      </header>

      <section aria-labelledby="address">
        <h2 id="address">Its address</h2>
        <p class="address"><code>${address}</code></p>
        <p>Parley asks for it when you make an account or sign in.</p>
      </section>

      ${installation(builds)}

      <section aria-labelledby="sees">
        <h2 id="sees">What this relay can see</h2>
        <p class="plain">
          <strong>Messages are sealed end to end.</strong> Whoever runs this relay stores and forwards them,
          and cannot read them. This is what they can see:
        </p>
        <ul>
          <li>
            User names, who is on whose list, who writes to whom and when, and how long a message or a file
            is.
          </li>
          <li>Who is online, away or busy, and status texts.</li>
          <li>Your devices by the names they have, such as “Firefox on Linux”.</li>
          <li>Your internet address while you are connected. It is not stored.</li>
        </ul>
        <p>It never sees your password: that stays in your browser, and only proofs made from it are sent.</p>
      </section>`,
  )
}
