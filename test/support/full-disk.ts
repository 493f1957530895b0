import type { Db } from '../../extension/db/db.ts'

/** From the so-many-th part on, IndexedDB has no room for another one, until `room` is called. */
export function fullAfter(db: Db, parts: number): { room(): void } {
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
  return { room: () => (left = Infinity) }
}
