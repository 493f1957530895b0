/**
 * A copy of something made of JSON: faster than by its text. What is undefined is left out, as in the text. A
 * frozen array is its own copy, so what is in it must not be changed either.
 */
export function copy<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return Object.isFrozen(value) ? value : (value.map(copy) as T)
  const result: Record<string, unknown> = {}
  for (const key in value) {
    const field: unknown = value[key]
    if (field !== undefined) result[key] = typeof field === 'object' ? copy(field) : field
  }
  return result as T
}
