import { useLayoutEffect, useRef, useState } from 'preact/hooks'
import { displayName, tooLongBy } from '../stores/display-name.ts'
import { Field } from './Field.tsx'
import { FormDialog } from './FormDialog.tsx'
import { Name } from './Name.tsx'
import { say, sayCount, sayWith } from './text.ts'

interface Props {
  name: string
  nickname: string
  onSave(typed: string): void
  onClose(): void
}

export function NicknameDialog({ name, nickname, onSave, onClose }: Props) {
  const [typed, setTyped] = useState(nickname)
  const field = useRef<HTMLInputElement>(null)
  const over = tooLongBy(displayName(typed))
  useLayoutEffect(() => field.current?.select(), [])
  return (
    <FormDialog
      title={sayWith('nicknameFor', <Name of={name} />)}
      canSave={over === 0}
      onSave={() => onSave(typed)}
      onClose={onClose}
    >
      <Field
        label={say('nickname')}
        dir="auto"
        autoComplete="off"
        inputRef={field}
        value={typed}
        onInput={({ currentTarget }) => setTyped(currentTarget.value)}
        hint={say('nicknameHint')}
        error={over > 0 && sayCount('tooLong', over)}
      />
    </FormDialog>
  )
}
