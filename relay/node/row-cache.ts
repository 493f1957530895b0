/** Rows that are read again and again, so that they need not be asked of SQLite each time. */

const cachedCharsMax = 32 * 1024 * 1024
/** Above this a row is payload: written once, read once or twice. */
const cachedRowCharsMax = 4 * 1024

const cost = (key: string, json: string | undefined) => key.length + (json?.length ?? 0) + 64

/** Committed rows, the longest unused forgotten first. It remembers absence too. */
export function rowCache() {
  const rooms = new Map<string, Map<string, string | undefined>>()
  let chars = 0

  function drop(room: string, key: string) {
    const rows = rooms.get(room)
    if (!rows?.has(key)) return
    chars -= cost(key, rows.get(key))
    rows.delete(key)
    if (rows.size === 0) rooms.delete(room)
  }

  function set(room: string, key: string, json: string | undefined) {
    drop(room, key)
    if (json !== undefined && json.length > cachedRowCharsMax) return
    let rows = rooms.get(room)
    if (!rows) rooms.set(room, (rows = new Map()))
    rows.set(key, json)
    chars += cost(key, json)
    while (chars > cachedCharsMax) forget(rooms.keys().next().value!)
  }

  function forget(room: string) {
    for (const [key, json] of rooms.get(room) ?? []) chars -= cost(key, json)
    rooms.delete(room)
  }

  return {
    get(room: string, key: string, read: () => string | undefined): string | undefined {
      const rows = rooms.get(room)
      if (rows) {
        rooms.delete(room) // a room is used as a whole: it becomes the youngest
        rooms.set(room, rows)
        if (rows.has(key)) return rows.get(key)
      }
      const json = read()
      set(room, key, json)
      return json
    },
    set: (room: string, key: string, json: string | null) => set(room, key, json ?? undefined),
  }
}
