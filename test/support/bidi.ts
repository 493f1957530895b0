/** A WebDriver BiDi connection (w3c.github.io/webdriver-bidi) over Node's own WebSocket, as far as Firefox's tests need it. */
export type Bidi = Awaited<ReturnType<typeof connectBidi>>

/** A value of the page as BiDi serializes it. */
export type RemoteValue = { type: string; value?: unknown; sharedId?: string }

type Evaluated =
  | { type: 'success'; result: RemoteValue }
  | { type: 'exception'; exceptionDetails: { text: string } }
type Answer = { id?: number; type: string; result?: unknown; error?: string; message?: string }

export async function connectBidi(url: string) {
  const socket = new WebSocket(url)
  await new Promise((open, fail) => {
    socket.addEventListener('open', open)
    socket.addEventListener('error', () => fail(new Error(`no BiDi connection to ${url}`)))
  })

  const waiting = new Map<number, (answer: Answer) => void>()
  socket.addEventListener('message', ({ data }) => {
    const answer = JSON.parse(String(data)) as Answer
    if (answer.id === undefined) return // an event: nobody subscribes to any
    waiting.get(answer.id)?.(answer)
    waiting.delete(answer.id)
  })
  socket.addEventListener('close', () => {
    for (const settle of waiting.values())
      settle({ type: 'error', error: 'closed', message: 'Firefox is gone' })
    waiting.clear()
  })

  let count = 0
  /** Sends a command; `Result` is what the standard says it answers. */
  function send<Result = unknown>(method: string, params: object = {}): Promise<Result> {
    return new Promise((done, fail) => {
      const id = ++count
      waiting.set(id, ({ type, result, error, message }) =>
        type === 'error' ? fail(new Error(`${method}: ${error}: ${message}`)) : done(result as Result),
      )
      socket.send(JSON.stringify({ id, method, params }))
    })
  }

  /** Evaluates an expression in a tab or window, awaiting a promise, with the rights of a user's gesture. */
  async function evaluate<Result = unknown>(context: string, expression: string): Promise<Result> {
    const evaluated = await send<Evaluated>('script.evaluate', {
      expression,
      target: { context },
      awaitPromise: true,
      userActivation: true,
      serializationOptions: { maxObjectDepth: 8 },
    })
    if (evaluated.type === 'exception') throw new Error(evaluated.exceptionDetails.text)
    return plain(evaluated.result) as Result
  }

  return { send, evaluate }
}

/** A serialized value as the plain value it was; null for what has none (a function, an element). */
function plain({ type, value }: RemoteValue): unknown {
  if (type === 'undefined') return undefined
  if (type === 'array') return (value as RemoteValue[]).map(plain)
  if (type === 'object')
    return Object.fromEntries((value as [string, RemoteValue][]).map(([key, member]) => [key, plain(member)]))
  return value ?? null
}
