/** A socket like the platform's, with somebody sitting on the line. */
export interface Line {
  /** The network is gone: no socket can be made. */
  isCut?(): boolean
  /** What is sent instead. */
  out?(text: string): string
  /** Called before anybody else hears it. */
  in?(text: string): void
}

export function tapped(line: Line) {
  return class extends WebSocket {
    constructor(url: string) {
      if (line.isCut?.()) throw new Error('the network is gone')
      super(url)
      this.addEventListener('message', ({ data }) => line.in?.(String(data)))
    }

    override send(text: string) {
      super.send(line.out?.(text) ?? text)
    }
  }
}
