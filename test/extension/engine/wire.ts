/** A socket like the platform's, with somebody sitting on the line. */
export interface Line {
  /** The network is gone: no socket can be made. */
  isCut?(): boolean
  /** What is sent instead; null for nothing. */
  out?(text: string): string | null
  /** It has been sent. */
  sent?(text: string): void
  /** What is heard instead; null for nothing. */
  heard?(text: string): string | null
  /** Called before anybody else hears it. */
  in?(text: string, socket: WebSocket): void
}

export function tapped(line: Line) {
  return class extends WebSocket {
    constructor(url: string) {
      if (line.isCut?.()) throw new Error('the network is gone')
      super(url)
      const own = new WeakSet<Event>()
      this.addEventListener('message', (event) => {
        const text = String(event.data)
        if (line.heard && !own.has(event)) {
          event.stopImmediatePropagation()
          const data = line.heard(text)
          if (data === null) return
          const instead = new MessageEvent('message', { data })
          own.add(instead)
          this.dispatchEvent(instead)
          return
        }
        line.in?.(text, this)
      })
    }

    override send(text: string) {
      const instead = line.out ? line.out(text) : text
      if (instead === null) return
      super.send(instead)
      line.sent?.(instead)
    }
  }
}
