import type { ComponentChildren } from 'preact'
import { useId } from 'preact/hooks'
import { Button } from './Button.tsx'
import './Dialog.css'
import { useModal } from './modal.ts'
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
  const modal = useModal(onClose)
  const heading = useId()
  const body = useId()
  return (
    <dialog {...modal} class="dialog" aria-labelledby={heading} aria-describedby={body}>
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
