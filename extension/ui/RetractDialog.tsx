import { Dialog } from './Dialog.tsx'
import { say } from './text.ts'

interface Props {
  onRetract(): void
  onClose(): void
}

/** "Delete for everyone" promises no more than it can keep. */
export function RetractDialog({ onRetract, onClose }: Props) {
  return (
    <Dialog
      title={say('retractQuestion')}
      confirm={say('deleteForEveryone')}
      onConfirm={() => {
        onClose()
        onRetract()
      }}
      onClose={onClose}
    >
      <p>{say('retractSentence')}</p>
    </Dialog>
  )
}
