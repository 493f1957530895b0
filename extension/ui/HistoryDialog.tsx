import { useState } from 'preact/hooks'
import { Choices } from './Choices.tsx'
import { FormDialog } from './FormDialog.tsx'
import { Name } from './Name.tsx'
import { say, sayWith } from './text.ts'

interface Props {
  name: string
  keeps: boolean
  onSave(keeps: boolean): void
  onClose(): void
}

/** Whether what is said with one person is kept for devices that come later. */
export function HistoryDialog({ name, keeps, onSave, onClose }: Props) {
  const [chosen, setChosen] = useState(keeps)
  return (
    <FormDialog
      title={sayWith('historyWith', <Name of={name} />)}
      canSave
      onSave={() => onSave(chosen)}
      onClose={onClose}
    >
      <Choices
        label={say('settingHistory')}
        value={chosen}
        choices={[
          { value: true, label: say('historyKept'), note: say('historyKeptNote') },
          { value: false, label: say('historyNotKept'), note: say('historyNotKeptNote') },
        ]}
        onChoose={(value) => setChosen(value)}
      />
    </FormDialog>
  )
}
