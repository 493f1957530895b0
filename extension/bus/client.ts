/** The page's end of the bus: commands to the background, and what this page shows. */
import { browser } from 'wxt/browser'
import {
  CommandError,
  viewPort,
  type CommandName,
  type Commands,
  type Request,
  type Response,
  type ViewState,
} from './commands.ts'

async function send(command: CommandName, args: unknown[]): Promise<unknown> {
  const request = { command, args } as Request
  let response: Response | undefined
  try {
    response = (await browser.runtime.sendMessage(request)) as Response | undefined
  } catch (error) {
    throw new CommandError('internal-server-error', String(error)) // the extension was updated under this page
  }
  // Nobody answered: the background is being replaced, or has no such command.
  if (!response) throw new CommandError('internal-server-error', `no answer to ${command}`)
  if (!response.ok) throw new CommandError(response.code, response.detail, response.retryAfterMs)
  return response.value
}

/** Every command, as a message that wakes the background. */
export const commandClient = (): Commands =>
  new Proxy({} as Commands, {
    get(_, command) {
      // No command, but what a promise looks for in whatever it is resolved with.
      if (command === 'then' || typeof command === 'symbol') return undefined
      return (...args: unknown[]) => send(command as CommandName, args)
    },
  })

/**
 * Tells the background what this page shows, for as long as it is open. The port ends whenever the background does:
 * then there is a new one, which wakes it, so that it knows again who looks at what.
 */
export function viewReporter(): (state: ViewState) => void {
  let port: ReturnType<typeof browser.runtime.connect> | undefined
  let last: ViewState | undefined

  function connect() {
    const opened = browser.runtime.connect({ name: viewPort })
    port = opened
    opened.onDisconnect.addListener(() => {
      if (port === opened) port = undefined
      // Not at once: a background that cannot start would be started without end.
      setTimeout(() => {
        if (!port && last) report(last)
      }, 1000)
    })
  }

  function report(state: ViewState) {
    last = state
    try {
      if (!port) connect()
      port?.postMessage(state)
    } catch (error) {
      console.error(error) // the extension was updated or removed under this page
    }
  }
  return report
}
