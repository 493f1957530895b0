/** What somebody does on the screens of Parley in Firefox. */
import type { Context, FirefoxPerson } from './firefox.ts'
import { password } from './people.ts'
import { until } from './until.ts'

export async function signUpInFirefox(firefox: FirefoxPerson, popup: Context, name: string, relay: string) {
  const { click, fill, locate, evaluate } = firefox
  await click(popup, { role: 'button', name: 'Create account' })
  await fill(popup, { role: 'textbox', name: 'User name' }, name)
  await fill(popup, 'input[type=password]', password) // no textbox to Firefox
  await evaluate(popup, "document.querySelectorAll('details').forEach((d) => { d.open = true })")
  await fill(popup, { role: 'textbox', name: 'Relay address' }, relay)
  await click(popup, { role: 'button', name: 'Create account' })
  await until(
    async () => (await firefox.text(popup)).includes('Your recovery code'),
    'the recovery code',
    60_000,
  )
  await click(popup, { role: 'button', name: 'I have saved it' })
  await locate(popup, { role: 'button', name: 'My status' })
}
