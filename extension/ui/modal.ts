/** What a modal dialog does with the focus and with Escape. */
import { useLayoutEffect, useRef } from 'preact/hooks'

export function useModal(onClose: () => void) {
  const dialog = useRef<HTMLDialogElement>(null)
  useLayoutEffect(() => {
    const element = dialog.current!
    const before = document.activeElement
    element.showModal()
    return () => {
      element.close()
      if (before instanceof HTMLElement) before.focus()
    }
  }, [])
  return {
    ref: dialog,
    onKeyDown(event: KeyboardEvent) {
      if (event.key !== 'Escape') return
      event.preventDefault() // or the browser's toolbar popup closes with it
      event.stopPropagation()
      onClose()
    },
    onCancel(event: Event) {
      event.preventDefault()
      onClose()
    },
  }
}
