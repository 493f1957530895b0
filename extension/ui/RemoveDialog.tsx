import { Dialog } from './Dialog.tsx'
import { Name } from './Name.tsx'
import { say, sayWith } from './text.ts'

interface Props {
  name: string
  onRemove(): void
  onClose(): void
}

/** Silent for the other one, but both disappear from each other's list. */
export function RemoveDialog({ name, onRemove, onClose }: Props) {
  return (
    <Dialog
      title={sayWith('removeQuestion', <Name of={name} />)}
      confirm={say('removeBuddy')}
      onConfirm={() => {
        onRemove()
        onClose()
      }}
      onClose={onClose}
    >
      <p>{say('removeSentence')}</p>
    </Dialog>
  )
}
