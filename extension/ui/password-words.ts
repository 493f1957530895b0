import type { PasswordProblem } from '../stores/password.ts'
import type { TextKey } from './text.ts'

/** Why a new password is refused. */
export const passwordProblems: Record<PasswordProblem, TextKey> = {
  empty: 'passwordEmpty',
  short: 'passwordShort',
  simple: 'passwordSimple',
  name: 'passwordName',
}
