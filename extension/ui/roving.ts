/** One stop for Tab, and the arrows inside: a list of two hundred people is not two hundred stops. */
import { useRef, useState } from 'preact/hooks'

/** Elements that take part carry `data-roving` with a key of their own. */
const selector = '[data-roving]'

export function useRoving<Root extends HTMLElement>() {
  const root = useRef<Root>(null)
  const [current, setCurrent] = useState<string | null>(null)
  const elements = () => [...(root.current?.querySelectorAll<HTMLElement>(selector) ?? [])]

  /** Moves to the first, or says that there is none. */
  function focusFirst(): boolean {
    const [first] = elements()
    first?.focus()
    return first !== undefined
  }

  return {
    root,
    current,
    focusFirst,
    /** Takes Up, Down, Home and End; `onLeave` is what Up does on the first. */
    onKeyDown(event: KeyboardEvent, onLeave?: () => void) {
      const all = elements()
      const at = all.findIndex((element) => element.contains(document.activeElement))
      const next = {
        ArrowDown: all[at + 1],
        ArrowUp: all[at - 1],
        Home: all[0],
        End: all.at(-1),
      }[event.key]
      if (next) next.focus()
      else if (event.key === 'ArrowUp' && at === 0 && onLeave) onLeave()
      else return
      event.preventDefault()
    },
    onFocusIn({ target }: FocusEvent) {
      const element = target instanceof Element ? target.closest<HTMLElement>(selector) : null
      if (element) setCurrent(element.dataset.roving ?? null)
    },
  }
}
