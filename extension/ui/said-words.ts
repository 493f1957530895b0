import type { Said } from '../stores/said.ts'
import { isolated } from './file-words.ts'
import { say } from './text.ts'

/** In a list or a prompt, where nothing of a file is shown. */
export function saidWords({ text, file }: Said): string {
  if (text !== '' || !file) return text
  return file.name === null ? say('photo') : say('fileCalled', isolated(file.name))
}
