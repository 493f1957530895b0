import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/**
 * Where the browsers of this machine are. An environment variable wins, then the PATH, then the usual places.
 * Chrome itself is not looked for: branded builds no longer take an unpacked extension from the command line.
 */
const candidates = {
  chromium: [
    process.env.CHROMIUM,
    ...onPath('chromium', 'chromium-browser'),
    '/usr/bin/chromium',
    '/snap/bin/chromium',
    '/Applications/Chromium.app/Contents/MacOS/Chromium',
  ],
  firefox: [
    process.env.FIREFOX,
    ...onPath('firefox-esr', 'firefox'),
    '/usr/bin/firefox-esr',
    '/Applications/Firefox.app/Contents/MacOS/firefox',
    '/Applications/Firefox Developer Edition.app/Contents/MacOS/firefox',
  ],
}

export type Browser = keyof typeof candidates

function onPath(...names: string[]) {
  const folders = (process.env.PATH ?? '').split(delimiter)
  return names.flatMap((name) => folders.map((folder) => join(folder, name)))
}

/** Path of the browser's executable, or undefined when this machine has none. */
export function find(browser: Browser): string | undefined {
  return candidates[browser].find((path) => path && existsSync(path))
}

/** Path of the browser's executable; throws a sentence that says what to install. */
export function browserPath(browser: Browser): string {
  const path = find(browser)
  if (!path) throw new Error(advice[browser])
  return path
}

/** What to do when a browser is missing and cannot be installed from here. */
export const advice = {
  chromium: 'Chromium was not found: install it, or set CHROMIUM to its executable (not Google Chrome).',
  firefox: 'Firefox was not found: install it, or set FIREFOX to its executable. Its tests are skipped.',
}

const debianPackage = { chromium: 'chromium', firefox: 'firefox-esr' }

/** A screen and a keyboard for the tests of the focus (display.ts). */
const debianDisplay = { Xvfb: 'xvfb', xdotool: 'xdotool' }

/** Without fonts a screenshot shows boxes: the package that helps, and what fontconfig is asked to see whether it is needed. */
const debianFonts = { 'fonts-dejavu-core': ':lang=ar', 'fonts-noto-color-emoji': ':lang=und-zsye' }

/** Installs what is missing where that needs no questions (Debian, as root); says what to do elsewhere. */
export function ensureBrowsers() {
  const missing = (Object.keys(candidates) as Browser[]).filter((browser) => !find(browser))
  if (canInstall())
    install([...missing.map((browser) => debianPackage[browser]), ...missingFonts(), ...missingDisplay()])
  for (const browser of missing) if (!find(browser)) console.log(advice[browser])
}

function canInstall() {
  return process.getuid?.() === 0 && onPath('apt-get').some((path) => existsSync(path))
}

function missingDisplay() {
  return Object.entries(debianDisplay)
    .filter(([program]) => !onPath(program).some((path) => existsSync(path)))
    .map(([, name]) => name)
}

function missingFonts() {
  return Object.entries(debianFonts)
    .filter(([, pattern]) => !spawnSync('fc-list', [pattern], { encoding: 'utf8' }).stdout?.trim())
    .map(([name]) => name)
}

function install(packages: string[]) {
  if (packages.length === 0) return
  console.log(`Installing ${packages.join(', ')} with apt-get.`)
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const apt = (...args: string[]) =>
    spawnSync('apt-get', ['-qq', '-o', 'Acquire::Retries=1', ...args], {
      env,
      stdio: ['ignore', 'ignore', 'inherit'],
    }).status === 0
  apt('update')
  if (!apt('install', '-y', '--no-install-recommends', ...packages))
    console.log('apt-get could not install them.')
}

if (import.meta.main) ensureBrowsers()
