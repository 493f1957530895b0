import { Dialog } from './Dialog.tsx'
import { Name } from './Name.tsx'
import { say, sayWith } from './text.ts'

interface Props {
  name: string
  onBlock(): void
  onClose(): void
}

/** Silent for the other one. */
export function BlockDialog({ name, onBlock, onClose }: Props) {
  return (
    <Dialog
      title={sayWith('blockQuestion', <Name of={name} />)}
      confirm={say('block')}
      onConfirm={() => {
        onBlock()
        onClose()
      }}
      onClose={onClose}
    >
      <p>{say('blockSentence')}</p>
    </Dialog>
  )
}
