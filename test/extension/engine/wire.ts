/** A socket like the platform's, with somebody sitting on the line. */
export interface Line {
  /** The network is gone: no socket can be made. */
  isCut?(): boolean
  /** What is sent instead; null for nothing. */
  out?(text: string): string | null
  /** It has been sent. */
  sent?(text: string): void
  /** Called before anybody else hears it. */
  in?(text: string, socket: WebSocket): void
}

export function tapped(line: Line) {
  return class extends WebSocket {
    constructor(url: string) {
      if (line.isCut?.()) throw new Error('the network is gone')
      super(url)
      this.addEventListener('message', ({ data }) => line.in?.(String(data), this))
    }

    override send(text: string) {
      const instead = line.out ? line.out(text) : text
      if (instead === null) return
      super.send(instead)
      line.sent?.(instead)
    }
  }
}
