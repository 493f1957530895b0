/** The main path in Firefox, by WebDriver BiDi. The other person is a headless user of the same relay. */
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { UserId } from '#shared/ids'
import { fileKey } from '../../extension/db/db.ts'
import { advice, find } from '../support/browsers.ts'
import { keys, launchFirefox, type Context, type FirefoxPerson } from '../support/firefox.ts'
import { signUpInFirefox } from '../support/firefox-people.ts'
import { headless } from '../support/headless.ts'
import { png } from '../support/pictures.ts'
import { spawnRelay } from '../support/processes.ts'
import { until } from '../support/until.ts'
import { expect, test, testRelayEnv } from './fixtures.ts'

test.skip(!find('firefox'), advice.firefox)

/** All rows of one of the extension's tables, as they are in the database of the browser. */
const rowsOf = <Row>({ evaluate }: FirefoxPerson, page: Context, table: string) =>
  evaluate<Row[]>(
    page,
    `new Promise((done, fail) => {
      const open = indexedDB.open('parley')
      open.addEventListener('error', () => fail(open.error))
      open.addEventListener('success', () => {
        const rows = open.result.transaction('${table}').objectStore('${table}').getAll()
        rows.addEventListener('error', () => fail(rows.error))
        rows.addEventListener('success', () => {
          done(JSON.parse(JSON.stringify(rows.result)))
          open.result.close()
        })
      })
    })`,
  )

test('two people chat, one of them in Firefox; its background may be ended at any time', async () => {
  test.setTimeout(240_000)
  const relay = await spawnRelay({ env: testRelayEnv })
  const [firefox, bob] = await Promise.all([launchFirefox(), headless(relay.url, 'bob')])
  const { open, click, type, text, evaluate, locate, background } = firefox

  const popup = await open('popup.html')
  await signUpInFirefox(firefox, popup, 'alice', relay.url)
  await bob.knock('alice')
  await click(popup, { role: 'button', name: 'Accept' })
  await until(async () => (await bob.relationTo('alice')) === 'buddies', 'buddies')
  await until(async () => (await text(popup)).includes('bob'), 'Bob in the list')

  // What Alice writes arrives, and its tick goes up.
  const chat = await open('chat.html?with=bob')
  await click(chat, { role: 'textbox', name: 'Message' })
  await type(chat, `hello from Firefox${keys.Enter}`)
  await until(async () => (await bob.textsWith('alice')).includes('hello from Firefox'), 'arrived')
  await until(
    async () => (await evaluate<string>(chat, 'document.body.textContent')).includes('Delivered'),
    'Delivered',
  )

  // No window takes the keyboard here: a notification and the badge instead.
  await firefox.send('browsingContext.close', { context: chat })
  // Without a desktop to show it on, a notification ends at once: that it ended is what can be seen of it.
  await evaluate(popup, 'window.told = []; browser.notifications.onClosed.addListener((id) => told.push(id))')
  await bob.send('alice', 'are you there?')
  const badge = () => evaluate<string>(popup, 'browser.action.getBadgeText({})')
  await until(async () => (await badge()) === '1', 'the badge')
  await until(async () => (await evaluate<string[]>(popup, 'told')).includes('prompt:bob'), 'a notification')
  expect((await firefox.contexts()).some(({ url }) => url.includes('chat.html'))).toBe(false)

  // The background ends as it does for everybody, and the next message wakes nothing by force: the alarm does.
  await background.stop()
  const id = await bob.send('alice', 'while you slept')
  await background.wake()
  await until(
    async () => (await bob.stateOf(id)) === 'delivered',
    'delivered after the background came back',
    60_000,
  )
  const again = await open('chat.html?with=bob')
  await until(async () => (await text(again)).includes('while you slept'), 'shown')
  const shown = await evaluate<string[]>(
    again,
    "[...document.querySelectorAll('article p')].map((p) => p.textContent)",
  )
  expect(shown).toEqual(['hello from Firefox', 'are you there?', 'while you slept'])

  // [F1] [F8] A file, and a picture without what stood in it.
  const folder = mkdtempSync(join(tmpdir(), 'parley-files-'))
  const paths = [join(folder, 'notes.txt'), join(folder, 'picture.png')] as const
  writeFileSync(paths[0], 'written in Firefox')
  writeFileSync(paths[1], png(60, 40, 'a place'))
  const element = await locate(again, 'input[type=file]')
  await firefox.send('input.setFiles', { context: again, element, files: paths })
  await until(async () => (await text(again)).includes('picture.png'), 'two chips')
  await click(again, { role: 'button', name: 'Send' })
  const offered = async (name: string) =>
    (await bob.files('alice')).find(({ content }) => content?.type === 'file' && content.file.name === name)
  const fetched = async (name: string) => {
    await bob.until(async () => (await offered(name)) !== undefined, name)
    const key = fileKey('alice' as UserId, (await offered(name))!.id)
    await bob.commands.file(key, 'fetch')
    await bob.until(async () => (await bob.fileRow(key))?.state === 'here', `${name} is here`)
    return Buffer.from(await bob.bytesOf(key))
  }
  expect((await fetched('notes.txt')).toString()).toBe('written in Firefox')
  const picture = await fetched('picture.png')
  expect([picture.subarray(1, 4).toString(), picture.includes('a place')]).toEqual(['PNG', false])

  await firefox.close()
  await bob.stop()
  await relay.stop()
})

test('[R-13] [R-14] [R-15] [R-33] in Firefox strangers knock, a message asks first, and a block ends it', async () => {
  test.setTimeout(240_000)
  const relay = await spawnRelay({ env: testRelayEnv })
  const [firefox, bob, mallory] = await Promise.all([
    launchFirefox(),
    headless(relay.url, 'bob'),
    headless(relay.url, 'mallory'),
  ])
  const { open, click, locate, text, evaluate, contexts } = firefox
  const button = (name: string) => ({ role: 'button', name })
  const popup = await open('popup.html')
  await signUpInFirefox(firefox, popup, 'alice', relay.url)
  const shows = (part: string, is = true) =>
    until(async () => (await text(popup)).includes(part) === is, `${part}: ${is}`)

  // Rejected, and again: nothing comes any more, and the stranger sees no difference.
  await mallory.knock('alice', 'buy this')
  await shows('buy this')
  await click(popup, button('Reject'))
  await shows('buy this', false)
  await mallory.commands.roster('alice' as UserId, 'withdraw')
  await mallory.until(async () => (await mallory.relationTo('alice')) === 'none', 'withdrawn')
  await mallory.knock('alice', 'please')
  await mallory.until(async () => (await mallory.db.outbox.count()) === 0, 'stored')
  await bob.knock('alice', 'it is me')
  await shows('it is me') // what came after it is there
  expect(await text(popup)).not.toContain('mallory')
  expect(await mallory.relationTo('alice')).toBe('asking')
  await click(popup, button('Accept'))
  await bob.until(async () => (await bob.relationTo('alice')) === 'buddies', 'buddies')

  // The default here asks first: in the popup, and in the small window that a notification leads to.
  await bob.send('alice', 'have you got a minute?')
  await shows('have you got a minute?')
  const prompt = await open('prompt.html?with=bob&by=user')
  await locate(prompt, { role: 'dialog', name: 'Message from bob' })
  await click(prompt, button('Not now'))
  await until(async () => !(await contexts()).some(({ url }) => url.includes('prompt.html')), 'closed')
  expect(await evaluate<string>(popup, 'browser.action.getBadgeText({})')).toBe('1')
  await bob.send('alice', 'no hurry')
  await until(async () => (await evaluate(popup, 'browser.action.getBadgeText({})')) === '2', 'the badge')
  expect((await contexts()).some(({ url }) => /(prompt|chat)\.html/.test(url))).toBe(false)

  // Blocked in the middle of it: the window goes, and nothing more of his arrives.
  const chat = await open('chat.html?with=bob')
  await click(chat, button('More'))
  await click(chat, { role: 'menuitem', name: 'Block' })
  await click(chat, button('Block'))
  await until(async () => !(await contexts()).some(({ url }) => url.includes('chat.html')), 'the window goes')
  const id = await bob.send('alice', 'are you there?')
  await bob.until(async () => (await bob.stateOf(id)) === 'stored', 'stored')
  await shows('bob', false)
  const options = await open('options.html#privacy')
  await click(options, { role: 'button', name: 'Unblock' })
  await shows('bob')
  const later = await bob.send('alice', 'and now?')
  await bob.until(async () => (await bob.stateOf(later)) === 'delivered', 'delivered')
  expect(await bob.stateOf(id)).toBe('stored')

  await firefox.close()
  await Promise.all([bob.stop(), mallory.stop()])
  await relay.stop()
})

const messages = 64
const ends = 32

test(`in Firefox the background is ended ${ends} times during ${messages} messages: each is stored once, and readable`, async () => {
  test.setTimeout(120_000)
  const relay = await spawnRelay({ env: testRelayEnv })
  const [firefox, bob] = await Promise.all([launchFirefox(), headless(relay.url, 'bob')])
  const { open, click, type, background } = firefox
  const popup = await open('popup.html')
  await signUpInFirefox(firefox, popup, 'alice', relay.url)
  await bob.knock('alice')
  await click(popup, { role: 'button', name: 'Accept' })
  await bob.until(async () => (await bob.relationTo('alice')) === 'buddies', 'buddies')
  const chat = await open('chat.html?with=bob')
  await click(chat, { role: 'textbox', name: 'Message' })
  type Row = { kind: string; content: { text: string } | null }
  const hers = async () =>
    (await rowsOf<Row>(firefox, chat, 'messages'))
      .filter(({ kind }) => kind === 'message')
      .map(({ content }) => content && content.text)
  /** Each start of a background connects once, and counts it. */
  const starts = async () => (await rowsOf<{ generation: number }>(firefox, chat, 'account'))[0]!.generation
  const before = await starts()

  const sent: string[] = []
  for (let end = 0; end < ends; end++) {
    const [mine, his] = [`amid ends ${2 * end}`, `amid ends ${2 * end + 1}`]
    sent.push(mine, his)
    const started = await starts()
    await Promise.all([type(chat, `${mine}${keys.Enter}`), bob.send('alice', his)])
    await background.wake()
    // It ends as soon as it runs, as soon as it has the relay's challenge, or when a message has come through.
    if (end % 4 === 0) await until(async () => (await background.state()) === 'running', 'running')
    else if (end % 4 === 1) await until(async () => (await starts()) > started, 'connecting')
    else if (end % 4 === 2) await until(async () => (await bob.textsWith('alice')).includes(mine), mine)
    else await until(async () => (await hers()).includes(his), his)
    expect(await background.state()).toBe('running')
    await background.stop()
  }

  const all = sent.toSorted()
  await background.wake()
  await until(async () => (await bob.textsWith('alice')).length >= messages, 'all at Bob', 60_000)
  await until(async () => (await hers()).length >= messages, 'all at Alice', 60_000)
  await until(async () => (await rowsOf(firefox, chat, 'outbox')).length === 0, 'all confirmed')
  expect((await hers()).toSorted()).toEqual(all)
  expect((await bob.textsWith('alice')).toSorted()).toEqual(all)
  const connected = (await starts()) - before
  console.info(`${ends} ends, ${connected} backgrounds that connected`)
  expect(connected).toBeGreaterThan(ends / 2)
  await firefox.close()
  await bob.stop()
  await relay.stop()
})
