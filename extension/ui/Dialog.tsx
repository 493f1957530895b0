import type { ComponentChildren } from 'preact'
import { useId, useLayoutEffect, useRef } from 'preact/hooks'
import { Button } from './Button.tsx'
import './Dialog.css'
import { say } from './text.ts'

interface Props {
  title: ComponentChildren
  children: ComponentChildren
  /** What is done: said on the button, never "OK". Left out where there is only something to know. */
  confirm?: string
  isBusy?: boolean
  onConfirm?(): void
  onClose(): void
}

/** Asks before something that cannot be taken back. The safe answer has the focus. */
export function Dialog({ title, children, confirm, isBusy = false, onConfirm, onClose }: Props) {
  const dialog = useRef<HTMLDialogElement>(null)
  const heading = useId()
  const body = useId()
  useLayoutEffect(() => {
    const element = dialog.current!
    const before = document.activeElement
    element.showModal()
    return () => {
      element.close()
      if (before instanceof HTMLElement) before.focus()
    }
  }, [])
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== 'Escape') return
    event.preventDefault() // or the browser's toolbar popup closes with it
    event.stopPropagation()
    onClose()
  }
  return (
    <dialog
      ref={dialog}
      class="dialog"
      aria-labelledby={heading}
      aria-describedby={body}
      onKeyDown={onKeyDown}
      onCancel={(event) => {
        event.preventDefault()
        onClose()
      }}
    >
      <h2 id={heading}>{title}</h2>
      <div id={body} class="dialog-body">
        {children}
      </div>
      <div class="dialog-buttons">
        <Button autoFocus onClick={onClose}>
          {say(confirm === undefined ? 'close' : 'cancel')}
        </Button>
        {confirm !== undefined && (
          <Button kind="danger" disabled={isBusy} onClick={onConfirm}>
            {confirm}
          </Button>
        )}
      </div>
    </dialog>
  )
}
