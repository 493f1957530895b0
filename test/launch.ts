/**
 * `npm start`: builds the extension, runs the relay on this machine and, where there is a display and a Chromium,
 * opens two people side by side, signed up and buddies, ready to chat. `--relay-only` runs just the relay.
 */
import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { advice, ensureBrowsers, find } from './support/browsers.ts'
import { chromeBuild } from './support/chromium.ts'
import { firefoxBuild } from './support/firefox.ts'
import { becomeBuddies, newPerson, openChat } from './support/people.ts'

const root = resolve(import.meta.dirname, '..')
const relayOnly = process.argv.includes('--relay-only')

/** Builds and packs for both browsers; the relay offers the packages on its page. */
function build() {
  console.log('Building the extension for Chrome and Firefox.')
  const { status } = spawnSync('npm', ['run', '-s', 'zip'], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'inherit'],
    shell: process.platform === 'win32',
  })
  if (status !== 0) process.exit(status ?? 1)
}

/** Starts the relay with our output as its own, and resolves with its address once it answers. */
async function startRelay(): Promise<{ url: string; ended: Promise<number> }> {
  const relay = spawn(process.execPath, ['relay/node/server.ts'], { cwd: root, stdio: 'inherit' })
  const ended = new Promise<number>((done) => relay.once('exit', (code) => done(code ?? 1)))
  // The terminal's Ctrl-C reaches the relay as well; a plain SIGTERM, or closing both browsers, reaches only us.
  process.once('SIGTERM', () => relay.kill('SIGTERM'))
  process.on('exit', () => relay.kill('SIGTERM'))
  process.on('SIGINT', () => {}) // the relay's end is ours
  const url = `http://${process.env.PARLEY_HOST ?? '127.0.0.1'}:${process.env.PARLEY_PORT ?? '1999'}`
  const gone = { yet: false }
  void ended.then(() => (gone.yet = true))
  while (!gone.yet && !(await fetch(`${url}/healthz`).catch(() => null))?.ok) {
    await new Promise((resume) => setTimeout(resume, 50))
  }
  if (gone.yet) process.exit(await ended)
  return { url, ended }
}

const hasDisplay =
  process.platform === 'darwin' ||
  process.platform === 'win32' ||
  Boolean(process.env.DISPLAY ?? process.env.WAYLAND_DISPLAY)

/** Two people in throw-away profiles, which end with us. */
async function openTwoPeople(relay: string) {
  console.log('Opening Alice and Bob. Their passwords are hashed with care: this takes some seconds.')
  const profiles = ['alice', 'bob'].map((name) => mkdtempSync(join(tmpdir(), `parley-${name}-`)))
  const seats = ['0,60', '720,60']
  // Names that are free on a relay that was started before.
  const suffix = Date.now().toString(36).slice(-4)
  const [alice, bob] = await Promise.all(
    ['alice', 'bob'].map((name, seat) =>
      newPerson(`${name}.x${suffix}`, relay, {
        headless: false,
        profile: profiles[seat]!,
        args: [`--window-position=${seats[seat]}`, '--window-size=700,720'],
      }),
    ),
  )
  await becomeBuddies(alice!, bob!)
  await Promise.all([openChat(alice!, bob!.name), openChat(bob!, alice!.name)])
  console.log(
    `Ready: ${alice!.name} and ${bob!.name} are buddies. Close both browsers or press Ctrl-C to end.`,
  )
  const closed = Promise.all(
    [alice!, bob!].map(({ context }) => new Promise((done) => context.once('close', done))),
  )
  return {
    closed,
    async end() {
      await Promise.all([alice!, bob!].map((person) => person.close().catch(() => {}))) // it may be closed already
      for (const profile of profiles) rmSync(profile, { recursive: true, force: true })
    },
  }
}

function sayWhatNext(relay: string, why: string) {
  console.log(`
${why}

What to do next:
  Chrome    chrome://extensions, switch on "Developer mode", "Load unpacked", choose
            ${chromeBuild}
  Firefox   about:debugging#/runtime/this-firefox, "Load Temporary Add-on", choose
            ${join(firefoxBuild, 'manifest.json')}
  Relay     ${relay}   (open it in a browser: it offers the packages as well)

Make an account in each of two browsers or profiles, and add each other by user name.
The relay runs until you press Ctrl-C.`)
}

if (!relayOnly) {
  build()
  if (hasDisplay) ensureBrowsers()
}
const { url, ended } = await startRelay()
if (relayOnly) {
  process.exitCode = await ended
} else if (!hasDisplay || !find('chromium')) {
  sayWhatNext(url, hasDisplay ? advice.chromium : 'There is no display, so no browser was opened.')
  process.exitCode = await ended
} else {
  const people = await openTwoPeople(url)
  await Promise.race([people.closed, ended])
  await people.end()
  process.exit()
}
