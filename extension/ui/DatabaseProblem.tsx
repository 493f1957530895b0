import { RotateCw, TriangleAlert } from 'lucide'
import type { ComponentChildren } from 'preact'
import type { DatabaseProblem as Problem, DatabaseStore } from '../stores/database-store.ts'
import { Button } from './Button.tsx'
import './DatabaseProblem.css'
import { Icon } from './Icon.tsx'
import { say, type TextKey } from './text.ts'

const sentences: Record<Problem, [what: TextKey, todo: TextKey]> = {
  'no-storage': ['databaseNoStorage', 'databaseNoStorageTodo'],
  full: ['databaseFull', 'databaseFullTodo'],
  newer: ['databaseNewer', 'databaseNewerTodo'],
  blocked: ['databaseBlocked', 'databaseBlockedTodo'],
  broken: ['databaseBroken', 'databaseBrokenTodo'],
}

interface Props {
  store: DatabaseStore
  /** What the page is, once there is a database. */
  children: () => ComponentChildren
}

/** Without a database there is nothing to show but why, and what to do about it. */
export function DatabaseGate({ store, children }: Props) {
  const state = store.state.value
  if (state === 'opening') return null
  if (state === 'open') return <>{children()}</>
  return <DatabaseProblem problem={state} onTryAgain={() => void store.tryAgain()} />
}

export function DatabaseProblem({ problem, onTryAgain }: { problem: Problem; onTryAgain(): void }) {
  const [what, todo] = sentences[problem]
  return (
    <main class="database-problem">
      <div role="alert">
        <Icon of={TriangleAlert} size={32} />
        <h1>{say('databaseHeading')}</h1>
        <p>{say(what)}</p>
        <p>{say(todo)}</p>
      </div>
      <Button kind="primary" icon={RotateCw} onClick={onTryAgain}>
        {say('tryAgain')}
      </Button>
    </main>
  )
}
