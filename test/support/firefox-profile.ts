import { randomUUID } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { zipFolder } from './zip.ts'

export type Prefs = Record<string, string | number | boolean>

/** A Firefox that asks nothing and calls nobody. */
const quiet = {
  'browser.shell.checkDefaultBrowser': false,
  'browser.startup.page': 0,
  'browser.aboutwelcome.enabled': false,
  'browser.startup.homepage_override.mstone': 'ignore',
  'startup.homepage_welcome_url': 'about:blank',
  'datareporting.policy.dataSubmissionEnabled': false,
  'datareporting.healthreport.uploadEnabled': false,
  'toolkit.telemetry.enabled': false,
  'app.normandy.enabled': false,
  'app.update.disabledForTesting': true,
  'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false,
  'services.settings.server': 'data:,#none',
  'browser.safebrowsing.update.enabled': false,
  'extensions.update.enabled': false,
  'extensions.systemAddon.update.enabled': false,
  'extensions.getAddons.cache.enabled': false,
  'browser.region.network.url': '',
  'browser.topsites.contile.enabled': false,
  'dom.push.connection.enabled': false,
  'remote.prefs.recommended': true,
  'fission.webContentIsolationStrategy': 0,
}

/** Lets Firefox ESR take an unsigned extension from the profile's folder. */
const sideloading = {
  'xpinstall.signatures.required': false,
  'extensions.autoDisableScopes': 0,
  'extensions.startupScanScopes': 15,
  'extensions.enabledScopes': 15,
}

/** Writes preferences and, unless it will be installed for a session only, the extension into the profile's folder. */
export function prepareProfile(
  profile: string,
  extension: string,
  { temporary, prefs }: { temporary: boolean; prefs: Prefs },
) {
  const geckoId = geckoIdOf(extension)
  const uuid = uuidOf(profile)
  writePrefs(profile, {
    ...quiet,
    ...(temporary ? {} : sideloading),
    'extensions.webextensions.uuids': JSON.stringify({ [geckoId]: uuid }), // fixes the pages' origin
    ...prefs,
  })
  if (!temporary) {
    mkdirSync(join(profile, 'extensions'), { recursive: true })
    writeFileSync(join(profile, 'extensions', `${geckoId}.xpi`), zipFolder(extension))
  }
  return { geckoId, uuid }
}

function geckoIdOf(extension: string) {
  const manifest = JSON.parse(readFileSync(join(extension, 'manifest.json'), 'utf8')) as {
    browser_specific_settings: { gecko: { id: string } }
  }
  return manifest.browser_specific_settings.gecko.id
}

/** The origin's uuid belongs to the profile: pages and database are found again after a restart. */
function uuidOf(profile: string) {
  const file = join(profile, 'parley-uuid')
  try {
    return readFileSync(file, 'utf8')
  } catch {
    const uuid = randomUUID() // the first launch with this profile
    writeFileSync(file, uuid)
    return uuid
  }
}

function writePrefs(profile: string, prefs: Prefs) {
  const lines = Object.entries(prefs).map(
    ([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});`,
  )
  writeFileSync(join(profile, 'user.js'), lines.join('\n'))
}
