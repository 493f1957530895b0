import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { connectBidi } from './bidi.ts'
import { browserPath } from './browsers.ts'
import { prepareProfile, type Prefs } from './firefox-profile.ts'
import { endGroup, hasEnded, spawnGroup, type Group } from './group.ts'
import { until } from './until.ts'

/** The built extension (`npm run build`). */
export const firefoxBuild = resolve(import.meta.dirname, '../../.output/firefox-mv3')

/** A tab or window, by BiDi's id. */
export type Context = string

/** What to act on: a CSS selector, or a role and name as a screen reader tells them. */
export type Target = string | { role: string; name: string }

export type FirefoxPerson = Awaited<ReturnType<typeof launchFirefox>>

type Options = {
  extension?: string
  /** A profile folder of an earlier launch; a fresh one when left out. */
  profile?: string
  /** False installs the extension for good, so that it survives a restart with the same profile. */
  temporary?: boolean
  headless?: boolean
  /** Preferences beside, or instead of, the quiet ones. */
  prefs?: Prefs
}

/**
 * One person: Firefox with a profile of its own and the built extension, driven over WebDriver BiDi (Playwright
 * cannot drive Firefox ESR). Takes 6 to 13 seconds: launch once per file, not per test.
 */
export async function launchFirefox({
  extension = firefoxBuild,
  profile = mkdtempSync(join(tmpdir(), 'parley-firefox-')),
  temporary = true,
  headless = true,
  prefs = {},
}: Options = {}) {
  const { geckoId, uuid } = prepareProfile(profile, extension, { temporary, prefs })
  const firefox = spawnGroup(
    [
      browserPath('firefox'),
      ...(headless ? ['--headless'] : []),
      '--no-remote',
      '--profile',
      profile,
      '--remote-debugging-port=0',
      '--remote-allow-system-access',
      'about:blank',
    ],
    {
      env: {
        ...process.env,
        HOME: profile, // no trace in the home of who runs the tests
        ...(process.getuid?.() === 0 && { MOZ_DISABLE_CONTENT_SANDBOX: '1' }),
      },
    },
  )
  const { send, evaluate } = await connectBidi(`${await addressOf(firefox)}/session`)
  await send('session.new', { capabilities: {} })
  if (temporary) await send('webExtension.install', { extensionData: { type: 'path', path: extension } })

  /** Opens a page of the extension in a tab, for example `popup.html`, and waits until it has loaded. */
  async function open(page: string): Promise<Context> {
    const { context } = await send<{ context: Context }>('browsingContext.create', { type: 'tab' })
    const url = `moz-extension://${uuid}/${page}`
    // BiDi sends no navigation events for moz-extension:, so a wait would time out.
    await send('browsingContext.navigate', { context, url, wait: 'none' })
    await until(
      async () => (await evaluate(context, 'location.href + document.readyState')) === `${url}complete`,
    )
    return context
  }

  /** Every tab and every window, those the extension opened itself included. */
  async function contexts(): Promise<{ context: Context; url: string }[]> {
    return (await send<{ contexts: { context: Context; url: string }[] }>('browsingContext.getTree')).contexts
  }

  /** Waits for the first tab or window whose address contains the text. */
  async function contextOf(text: string): Promise<Context> {
    const find = async () => (await contexts()).find(({ url }) => url.includes(text))
    await until(async () => (await find()) !== undefined)
    return (await find())!.context
  }

  /** The element, once it is there. */
  async function locate(context: Context, target: Target): Promise<{ sharedId: string }> {
    const locator =
      typeof target === 'string'
        ? { type: 'css', value: target }
        : { type: 'accessibility', value: { role: target.role, name: target.name } }
    let nodes: { sharedId: string }[] = []
    await until(async () => {
      ;({ nodes } = await send<{ nodes: typeof nodes }>('browsingContext.locateNodes', { context, locator }))
      return nodes.length > 0
    }, JSON.stringify(target))
    return nodes[0]!
  }

  const act = (context: Context, source: object) =>
    send('input.performActions', { context, actions: [source] })

  /** A real mouse click in the middle of the element, scrolled into view first. */
  async function click(context: Context, target: Target) {
    const element = await locate(context, target)
    await send('script.callFunction', {
      functionDeclaration: "(element) => element.scrollIntoView({ block: 'nearest' })",
      arguments: [element],
      target: { context },
      awaitPromise: false,
    })
    await act(context, {
      type: 'pointer',
      id: 'mouse',
      parameters: { pointerType: 'mouse' },
      actions: [
        { type: 'pointerMove', x: 0, y: 0, origin: { type: 'element', element } },
        { type: 'pointerDown', button: 0 },
        { type: 'pointerUp', button: 0 },
      ],
    })
  }

  /** Real key presses into what has the focus. `keys.Enter` and the like are characters of the text. */
  async function type(context: Context, text: string) {
    const strokes = [...text].flatMap((value) => [
      { type: 'keyDown', value },
      { type: 'keyUp', value },
    ])
    await act(context, { type: 'key', id: 'keys', actions: strokes })
  }

  /** Clicks the field, empties it and types. */
  async function fill(context: Context, target: Target, text: string) {
    await click(context, target)
    await evaluate(context, 'document.activeElement.select?.()')
    await type(context, text === '' ? keys.Backspace : text)
  }

  /** The visible text of the page. */
  const text = (context: Context) => evaluate<string>(context, 'document.body.innerText')

  /** A picture of the page as PNG. */
  async function screenshot(context: Context): Promise<Buffer> {
    const { data } = await send<{ data: string }>('browsingContext.captureScreenshot', { context })
    return Buffer.from(data, 'base64')
  }

  const resize = (context: Context, width: number, height: number) =>
    send('browsingContext.setViewport', { context, viewport: { width, height } })

  /** Runs code with the browser's own rights; `extension` in it is Firefox's WebExtension object. */
  async function privileged<Result>(expression: string): Promise<Result> {
    const tree = await send<{ contexts: { context: Context }[] }>('browsingContext.getTree', {
      'moz:scope': 'chrome',
    })
    const policy = `WebExtensionPolicy.getByID(${JSON.stringify(geckoId)})`
    return evaluate<Result>(
      tree.contexts[0]!.context,
      `(async (extension) => (${expression}))(${policy}?.extension)`,
    )
  }

  const background = {
    /** `running`, `stopped` and what is between them. */
    state: () => privileged<string>('extension?.backgroundState'),
    /** Ends the background as Firefox does when it is idle. */
    stop: () =>
      privileged<void>(
        'extension.terminateBackground({ ignoreDevToolsAttached: true, disableResetIdleForTest: true })',
      ),
    wake: () => privileged<void>('extension.wakeupBackground()'),
  }

  async function close() {
    await send('browser.close').catch(() => {}) // the connection may end before the answer
    await endGroup(firefox)
  }

  if (!temporary) await until(async () => (await background.state()) !== undefined, 'the installed extension')

  return {
    uuid,
    profile,
    send,
    evaluate,
    open,
    contexts,
    contextOf,
    locate,
    click,
    type,
    fill,
    text,
    screenshot,
    resize,
    privileged,
    background,
    close,
  }
}

/** Keys that are no characters, as WebDriver writes them (w3c.github.io/webdriver/#keyboard-actions). */
export const keys = { Backspace: '\uE003', Tab: '\uE004', Enter: '\uE007', Escape: '\uE00C' }

/** Firefox says on its error output where BiDi listens. */
function addressOf(firefox: Group): Promise<string> {
  return new Promise((done, fail) => {
    let text = ''
    firefox.stderr.on('data', (part: Buffer) => {
      text += part
      const address = /WebDriver BiDi listening on (ws:\S+)/.exec(text)?.[1]
      if (address) done(address)
    })
    firefox.on('exit', () => fail(new Error(`Firefox ended at its start:\n${text}`)))
    if (hasEnded(firefox)) fail(new Error('Firefox ended at its start'))
    firefox.stdout.resume() // an unread pipe would stop it
  })
}
