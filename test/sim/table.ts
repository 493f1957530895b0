/** Rows in the order of their keys, as a database has them: a list costs what it returns. */
import type { Range } from '../../relay/core/batch.ts'

/** Keys are ASCII: JavaScript's order is theirs. */
export class Table extends Map<string, string> {
  #order: string[] = []

  override set(key: string, json: string): this {
    if (!this.has(key)) this.#order.splice(this.#place(key), 0, key)
    return super.set(key, json)
  }

  override delete(key: string): boolean {
    if (!super.delete(key)) return false
    this.#order.splice(this.#place(key), 1)
    return true
  }

  override clear() {
    super.clear()
    this.#order = []
  }

  list({ prefix, after, end, limit, reverse }: Range): [key: string, json: string][] {
    const first = after === undefined || after < prefix ? this.#place(prefix) : this.#place(`${after}\0`)
    const found: string[] = []
    if (reverse) {
      const stop = this.#place(end ?? `${prefix}\uffff`)
      for (let i = stop - 1; i >= first && found.length < limit; i--) {
        if (!this.#order[i]!.startsWith(prefix)) break
        found.push(this.#order[i]!)
      }
    } else {
      for (let i = first; i < this.#order.length && found.length < limit; i++) {
        const key = this.#order[i]!
        if (!key.startsWith(prefix) || (end !== undefined && key >= end)) break
        found.push(key)
      }
    }
    return found.map((key) => [key, this.get(key)!])
  }

  /** Where the key is, or would be. */
  #place(key: string): number {
    let [low, high] = [0, this.#order.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.#order[middle]! < key) low = middle + 1
      else high = middle
    }
    return low
  }
}
