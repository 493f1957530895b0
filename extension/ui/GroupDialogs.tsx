import { useLayoutEffect, useRef, useState } from 'preact/hooks'
import type { Buddy, BuddyListStore } from '../stores/buddy-list-store.ts'
import { Choices } from './Choices.tsx'
import { Dialog } from './Dialog.tsx'
import { Field } from './Field.tsx'
import { FormDialog } from './FormDialog.tsx'
import { Name } from './Name.tsx'
import { say, sayWith, type TextKey } from './text.ts'

const problems: Record<NonNullable<ReturnType<BuddyListStore['groupProblem']>>, TextKey> = {
  empty: 'groupEmpty',
  long: 'groupLong',
  taken: 'groupTaken',
}

interface NameProps {
  typed: string
  problem: ReturnType<BuddyListStore['groupProblem']>
  onType(typed: string): void
}

/** That it is empty is seen; that it is too long or taken is said. */
function GroupName({ typed, problem, onType }: NameProps) {
  const field = useRef<HTMLInputElement>(null)
  useLayoutEffect(() => {
    field.current?.focus()
    field.current?.select()
  }, [])
  return (
    <Field
      label={say('groupName')}
      dir="auto"
      autoComplete="off"
      inputRef={field}
      value={typed}
      onInput={({ currentTarget }) => onType(currentTarget.value)}
      error={problem !== null && problem !== 'empty' && say(problems[problem])}
    />
  )
}

interface MoveProps {
  buddy: Buddy
  store: BuddyListStore
  onClose(): void
}

/** Into one of the groups, a new one, or none. */
export function MoveToGroupDialog({ buddy: { name, group }, store, onClose }: MoveProps) {
  // No group is called by a number; all others have a name.
  const [chosen, setChosen] = useState<string | 0 | 1>(group ?? 0)
  const [typed, setTyped] = useState('')
  const isNew = chosen === 1
  const problem = isNew ? store.groupProblem(typed) : null
  return (
    <FormDialog
      title={sayWith('groupFor', <Name of={name} />)}
      canSave={problem === null}
      onSave={() => void store.putInGroup(name, isNew ? typed : chosen === 0 ? null : chosen)}
      onClose={onClose}
    >
      <Choices
        label={say('group')}
        value={chosen}
        choices={[
          { value: 0, label: say('groupNone') },
          ...store.groups.value.map((other) => ({ value: other, label: <bdi>{other}</bdi> })),
          { value: 1, label: say('groupNew') },
        ]}
        onChoose={(value) => setChosen(value)}
      />
      {isNew && <GroupName typed={typed} problem={problem} onType={setTyped} />}
    </FormDialog>
  )
}

interface GroupProps {
  group: string
  store: BuddyListStore
  onClose(): void
}

export function RenameGroupDialog({ group, store, onClose }: GroupProps) {
  const [typed, setTyped] = useState(group)
  const problem = store.groupProblem(typed, group)
  return (
    <FormDialog
      title={say('groupRename')}
      canSave={problem === null}
      onSave={() => void store.renameGroup(group, typed)}
      onClose={onClose}
    >
      <GroupName typed={typed} problem={problem} onType={setTyped} />
    </FormDialog>
  )
}

export function DeleteGroupDialog({ group, store, onClose }: GroupProps) {
  return (
    <Dialog
      title={sayWith('groupDeleteQuestion', <bdi>{group}</bdi>)}
      confirm={say('groupDelete')}
      onConfirm={() => {
        void store.deleteGroup(group)
        onClose()
      }}
      onClose={onClose}
    >
      <p>{say('groupDeleteSentence')}</p>
    </Dialog>
  )
}
