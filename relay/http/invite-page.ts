/**
 * Where an invite link leads whoever has no Parley yet: `/u/alice#…`. What stands behind the `#` never reaches the
 * relay, and the name is not looked up: the page is the same for everybody, there or not.
 */
import { html } from 'hono/html'
import { isUserName } from '#shared/names'
import type { Builds } from './builds.ts'
import { documentOf, installation } from './page-parts.ts'

const prefix = '/u/'

/** The path is looked at as it was sent: a link is written in one way only. */
export const isInvitePath = (path: string): boolean =>
  path.startsWith(prefix) && isUserName(path.slice(prefix.length))

interface Facts {
  address: string
  builds: Builds
}

export function invitePage({ address, builds }: Facts) {
  return documentOf(
    'An invitation to Parley',
    html`<header>
        <p class="kind">Invitation</p>
        <h1>Somebody would like to talk with you in Parley</h1>
        <p>
          Parley is instant messaging that lives in your browser: a list of the people you know in the
          toolbar, and small windows beside what you are doing. It needs no phone number and no e-mail
          address.
        </p>
      </header>

      <section aria-labelledby="follow">
        <h2 id="follow">If you have Parley</h2>
        <ol>
          <li>Copy this page’s whole address, with everything after the <code>#</code>.</li>
          <li>Open Parley from the toolbar and paste it into the search field.</li>
        </ol>
        <p>The link leads to somebody on this relay, so your account must be here too:</p>
        <p class="address"><code>${address}</code></p>
      </section>

      ${installation(builds)}

      <section aria-labelledby="sees">
        <h2 id="sees">What this page knows</h2>
        <p>
          It is the same for every name: nobody was looked up. The secret part of the link, behind the
          <code>#</code>, stays in your browser until you use it. The relay’s <a href="/">own page</a> says
          what it can see.
        </p>
      </section>`,
  )
}
