import { Dialog } from './Dialog.tsx'
import { say } from './text.ts'

interface Props {
  onHide(): void
  onClose(): void
}

export function HideSessionDialog({ onHide, onClose }: Props) {
  return (
    <Dialog
      title={say('hideSessionQuestion')}
      confirm={say('deleteForMe')}
      onConfirm={() => {
        onClose()
        onHide()
      }}
      onClose={onClose}
    >
      <p>{say('hideSessionSentence')}</p>
    </Dialog>
  )
}
