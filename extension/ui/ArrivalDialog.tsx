import { useState } from 'preact/hooks'
import type { Buddy, BuddyChange } from '../stores/buddy-list-store.ts'
import { arrivals, arrivalWord } from './arrival-words.ts'
import { Choices } from './Choices.tsx'
import { FormDialog } from './FormDialog.tsx'
import { Name } from './Name.tsx'
import { say, sayWith } from './text.ts'

interface Props {
  buddy: Buddy
  onSave(fields: BuddyChange): void
  onClose(): void
}

/** What is different for one buddy. */
export function ArrivalDialog({ buddy, onSave, onClose }: Props) {
  const [arrival, setArrival] = useState(buddy.arrival)
  const [sound, setSound] = useState(buddy.sound)
  return (
    <FormDialog
      title={sayWith('arrivalFor', <Name of={buddy.name} />)}
      canSave
      onSave={() => onSave({ arrival, sound })}
      onClose={onClose}
    >
      <Choices
        label={say('settingArrival')}
        value={arrival}
        choices={[
          { value: null, label: say('asGeneral') },
          ...arrivals.map((value) => ({ value, label: arrivalWord(value) })),
        ]}
        onChoose={(value) => setArrival(value)}
      />
      <h3>{say('settingSound')}</h3>
      <Choices
        label={say('settingSound')}
        value={sound}
        choices={[
          { value: null, label: say('asGeneral') },
          { value: true, label: say('on') },
          { value: false, label: say('off') },
        ]}
        onChoose={(value) => setSound(value)}
      />
    </FormDialog>
  )
}
