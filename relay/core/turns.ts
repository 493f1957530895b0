import { ProtocolError } from '#shared/errors'

export interface Turns {
  /** Runs it when everything before it has ended, well or not. */
  inTurn<R>(run: () => Promise<R>): Promise<R>
  /** How often something has failed for another reason than a refusal: the core answers its own failures, so this is how a host knows of them. */
  readonly failures: number
}

/** The transactions of one room, one after the other: each reads what the one before it has made durable. */
export function createTurns(): Turns {
  let last: Promise<unknown> = Promise.resolve()
  let failures = 0
  return {
    inTurn(run) {
      const result = last.then(run)
      last = result.catch((error: unknown) => {
        if (!(error instanceof ProtocolError)) failures += 1 // whoever asked is told; the next in turn need not know
      })
      return result
    },
    get failures() {
      return failures
    },
  }
}
