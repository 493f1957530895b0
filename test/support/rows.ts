import type { Page } from '@playwright/test'

/** Everything in a table of the extension's database, read by one of its pages past Dexie. */
export const rowsOf = <Row>(page: Page, table: string): Promise<Row[]> =>
  page.evaluate(readTable, table) as Promise<Row[]>

/** Runs in a page. */
export async function readTable(table: string): Promise<unknown[]> {
  const db = await new Promise<IDBDatabase>((done, fail) => {
    const open = indexedDB.open('parley')
    open.addEventListener('success', () => done(open.result))
    open.addEventListener('error', () => fail(open.error))
  })
  const request = db.transaction(table).objectStore(table).getAll()
  const rows = await new Promise<unknown[]>((done, fail) => {
    request.addEventListener('success', () => done(request.result))
    request.addEventListener('error', () => fail(request.error))
  })
  db.close()
  return rows
}
