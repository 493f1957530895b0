/** A file as something that can be shown: opened while it is looked at, and let go when it is not. */
import { useEffect, useState } from 'preact/hooks'
import type { OpenedFile } from '../stores/conversation-files.ts'
import type { Kind } from '../stores/file-types.ts'

export type Shown = { type: 'closed' | 'failed' } | { type: 'open'; kind: Kind; url: string; blob: Blob }

/**
 * Its content under an address of this page, which ends with the page's interest in it: it goes when `isWanted` does.
 * The type is the one that its content has, or none that anything would render.
 */
export function useOpened(open: () => Promise<OpenedFile>, key: string, isWanted: boolean): Shown {
  const [shown, setShown] = useState<Shown>({ type: 'closed' })
  useEffect(() => {
    if (!isWanted) return
    let isOver = false
    let url = ''
    void open().then(
      ({ blob, kind }) => {
        if (isOver) return
        const typed = blob.slice(0, blob.size, 'mime' in kind ? kind.mime : 'application/octet-stream')
        url = URL.createObjectURL(typed)
        setShown({ type: 'open', kind, url, blob: typed })
      },
      (error: unknown) => {
        console.error(error)
        if (!isOver) setShown({ type: 'failed' })
      },
    )
    return () => {
      isOver = true
      setShown({ type: 'closed' })
      if (url !== '') URL.revokeObjectURL(url)
    }
    // oxlint-disable-next-line exhaustive-deps -- `open` opens what `key` names
  }, [key, isWanted])
  return shown
}

/** Somewhere near what is on the screen. Where a browser cannot tell, everything is. */
export function useNear(element: { current: Element | null }): boolean {
  const [isNear, setNear] = useState(typeof IntersectionObserver === 'undefined')
  useEffect(() => {
    if (!element.current || typeof IntersectionObserver === 'undefined') return
    const observer = new IntersectionObserver((entries) => setNear(entries.at(-1)!.isIntersecting), {
      scrollMargin: '400px', // of the log, which scrolls: `rootMargin` is of the window alone
    })
    observer.observe(element.current)
    return () => observer.disconnect()
  }, [])
  return isNear
}
