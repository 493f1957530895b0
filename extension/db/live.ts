/** The database as signals. */
import { effect, signal, type ReadonlySignal } from '@preact/signals'
import { liveQuery } from 'dexie'

/**
 * What `query` answers now and whenever something it read has changed, in whichever context. Signals that it reads
 * before its first `await` ask anew too. Inside a model it ends with the model.
 */
export function live<T>(query: () => Promise<T>, initial: T): ReadonlySignal<T> {
  const result = signal(initial)
  effect(() => {
    const subscription = liveQuery(query).subscribe({
      next: (value) => (result.value = value),
      // The page that opened the database says what is wrong with it; what was read last stays.
      error: (error) => console.error(error),
    })
    return () => subscription.unsubscribe()
  })
  return result
}
