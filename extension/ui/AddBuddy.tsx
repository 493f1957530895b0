import { UserPlus } from 'lucide'
import type { RefObject } from 'preact'
import { characters } from '#shared/content'
import { userNameLengthMax, userNameLengthMin } from '#shared/names'
import type { BuddyListStore, Candidate } from '../stores/buddy-list-store.ts'
import './AddBuddy.css'
import { Button } from './Button.tsx'
import { Field } from './Field.tsx'
import { knockWords } from './knock-words.tsx'
import { Name } from './Name.tsx'
import { say, sayCount, sayWith, type TextKey } from './text.ts'

const problems: Record<Extract<Candidate, { type: 'problem' }>['problem'], TextKey> = {
  self: 'addSelf',
  known: 'addKnown',
  link: 'addWrongLink',
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
  const problem = store.knockProblem.value
  const isInvite = candidate.type === 'invite'
  const { textOver, reasonOver, isNoPage } = store.knockProblems.value
  const canAdd = isInvite || (textOver === 0 && reasonOver === 0 && !isNoPage)
  return (
    <form
      class="add-buddy"
      onSubmit={(event) => {
        event.preventDefault()
        void store.add()
      }}
    >
      <p>
        {sayWith(isInvite ? 'invitesYou' : isAlone ? 'addNobody' : 'addAlso', <Name of={candidate.name} />)}
      </p>
      {!isInvite && <KnockFields store={store} field={field} />}
      {problem && (
        <p class="add-failure" role="alert">
          {knockWords(problem, candidate.name)}
        </p>
      )}
      {problem?.code === 'forbidden' ? (
        <Button onClick={() => void store.knockBare(candidate.name, [])}>{say('knockBare')}</Button>
      ) : (
        <Button kind="primary" type="submit" icon={UserPlus} disabled={!canAdd}>
          {say('addBuddy')}
        </Button>
      )}
    </form>
  )
}

const quickReasons: TextKey[] = ['reasonShort', 'reasonNoHurry']

/** What goes with a knock; all of it may be left out. */
function KnockFields({ store, field }: Pick<Props, 'store' | 'field'>) {
  const { textOver, reasonOver, isNoPage } = store.knockProblems.value
  const { knockCharsMax } = store.limits.value
  const text = store.knockText.value.trim()
  return (
    <>
      <Field
        label={say('knockText')}
        placeholder={say('knockPlaceholder')}
        dir="auto"
        autoComplete="off"
        inputRef={field}
        value={store.knockText}
        onInput={({ currentTarget }) => (store.knockText.value = currentTarget.value)}
        hint={text !== '' && say('charactersOf', characters(text), knockCharsMax)}
        error={textOver > 0 && sayCount('tooLong', textOver)}
      />
      <details class="add-more">
        <summary>{say('knockMore')}</summary>
        <div class="add-fields">
          <div class="add-reason">
            <Field
              label={say('knockReason')}
              dir="auto"
              autoComplete="off"
              value={store.knockReason}
              onInput={({ currentTarget }) => (store.knockReason.value = currentTarget.value)}
              error={reasonOver > 0 && sayCount('tooLong', reasonOver)}
            />
            <div class="add-quick">
              {quickReasons.map((key) => (
                <Button
                  key={key}
                  aria-pressed={store.knockReason.value === say(key)}
                  onClick={() =>
                    (store.knockReason.value = store.knockReason.value === say(key) ? '' : say(key))
                  }
                >
                  {say(key)}
                </Button>
              ))}
            </div>
          </div>
          <Field
            label={say('knockPage')}
            placeholder="https://"
            dir="ltr"
            type="url"
            autoComplete="off"
            value={store.knockPage}
            onInput={({ currentTarget }) => (store.knockPage.value = currentTarget.value)}
            error={isNoPage && say('knockPageWrong')}
          />
        </div>
      </details>
    </>
  )
}
