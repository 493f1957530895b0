import { UserPlus } from 'lucide'
import type { RefObject } from 'preact'
import { characters } from '#shared/content'
import { userNameLengthMax, userNameLengthMin } from '#shared/names'
import type { BuddyListStore, Candidate } from '../stores/buddy-list-store.ts'
import './AddBuddy.css'
import { Button } from './Button.tsx'
import { Field } from './Field.tsx'
import { Name } from './Name.tsx'
import { say, sayCount, sayWith, type TextKey } from './text.ts'

const problems: Record<Extract<Candidate, { type: 'problem' }>['problem'], TextKey> = {
  self: 'addSelf',
  known: 'addKnown',
  'other-relay': 'problemOtherRelay',
  empty: 'nameEmpty',
  short: 'nameShort',
  long: 'nameLong',
  reserved: 'nameReserved',
  grammar: 'nameGrammar',
}

interface Props {
  store: BuddyListStore
  candidate: Candidate
  field: RefObject<HTMLInputElement | null>
  /** Nobody on the list matches what was typed. */
  isAlone: boolean
}

/** What was typed names nobody on the list: it may be somebody to knock at. */
export function AddBuddy({ store, candidate, field, isAlone }: Props) {
  if (candidate.type === 'problem') {
    return (
      <output class="add-problem">
        {say(problems[candidate.problem], userNameLengthMin, userNameLengthMax)}
      </output>
    )
  }
  const over = characters(store.knockText.value.trim()) - store.limits.value.knockCharsMax
  return (
    <form
      class="add-buddy"
      onSubmit={(event) => {
        event.preventDefault()
        if (over <= 0) void store.add()
      }}
    >
      <p>{sayWith(isAlone ? 'addNobody' : 'addAlso', <Name of={candidate.name} />)}</p>
      <Field
        label={say('knockText')}
        placeholder={say('knockPlaceholder')}
        dir="auto"
        autoComplete="off"
        inputRef={field}
        value={store.knockText}
        onInput={({ currentTarget }) => (store.knockText.value = currentTarget.value)}
        error={over > 0 && sayCount('tooLong', over)}
      />
      <Button kind="primary" type="submit" icon={UserPlus} disabled={over > 0}>
        {say('addBuddy')}
      </Button>
    </form>
  )
}
