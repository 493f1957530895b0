import type { Commands } from '../bus/commands.ts'
import type { Desk } from './desk.ts'
import { changeSettings } from './preferences.ts'

export function settingsCommands({ db, needed, guarded }: Desk): Pick<Commands, 'changeSettings'> {
  return {
    async changeSettings(change) {
      const { settingsChanged } = await needed()
      await guarded(() => changeSettings(db, change))
      settingsChanged()
    },
  }
}
