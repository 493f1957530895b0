/** The database as signals. */
import { effect, signal, type ReadonlySignal } from '@preact/signals'
import { liveQuery } from 'dexie'

/**
 * What `query` answers now and whenever something it read has changed, in whichever context. A change of `given`, what
 * signals make of the question, asks anew too: Dexie asks later than a signal could see it. Inside a model it ends with
 * the model.
 */
export function live<T, Given = undefined>(
  query: (given: Given) => Promise<T>,
  initial: T,
  given?: () => Given,
): ReadonlySignal<T> {
  const result = signal(initial)
  effect(() => {
    const now = given?.() as Given
    const subscription = liveQuery(() => query(now)).subscribe({
      next: (value) => (result.value = value),
      // The page that opened the database says what is wrong with it; what was read last stays.
      error: (error) => console.error(error),
    })
    return () => subscription.unsubscribe()
  })
  return result
}
