import type { Db } from '../../extension/db/db.ts'

/** After so many more parts IndexedDB has no room for another one, until it is told that there is. */
export function fullAfter(db: Db, parts: number): { fill(parts: number): void } {
  let left = parts
  db.use({
    stack: 'dbcore',
    name: 'full',
    create: (core) => ({
      ...core,
      table(name) {
        const table = core.table(name)
        if (name !== 'parts') return table
        return {
          ...table,
          async mutate(request) {
            if ((request.type === 'put' || request.type === 'add') && left-- <= 0)
              throw new DOMException('no room', 'QuotaExceededError')
            return table.mutate(request)
          },
        }
      },
    }),
  })
  return { fill: (more) => (left = more) }
}
