import type { ComponentChildren } from 'preact'
import { useId } from 'preact/hooks'
import { Button } from './Button.tsx'
import './Dialog.css'
import { useModal } from './modal.ts'
import { say } from './text.ts'

interface Props {
  title: ComponentChildren
  children: ComponentChildren
  /** False: what was typed cannot be saved as it is, and says why. */
  canSave: boolean
  onSave(): void
  onClose(): void
}

/** A small form over everything; Enter saves it. */
export function FormDialog({ title, children, canSave, onSave, onClose }: Props) {
  const modal = useModal(onClose)
  const heading = useId()
  return (
    // oxlint-disable-next-line no-noninteractive-element-interactions -- Esc of what is in it passes here
    <dialog {...modal} class="dialog" aria-labelledby={heading}>
      <form
        onSubmit={(event) => {
          event.preventDefault()
          if (!canSave) return
          onSave()
          onClose()
        }}
      >
        <h2 id={heading}>{title}</h2>
        <div class="dialog-body">{children}</div>
        <div class="dialog-buttons">
          <Button onClick={onClose}>{say('cancel')}</Button>
          <Button kind="primary" type="submit" disabled={!canSave}>
            {say('save')}
          </Button>
        </div>
      </form>
    </dialog>
  )
}
