/** What somebody has said, for a line: a text, or a file that stands there by its name or its kind. */
import type { Content } from '#shared/content'
import type { FileNote } from '../db/db.ts'
import { safeName } from './file-names.ts'

export interface Said {
  /** Of a file its caption; may be empty then. */
  text: string
  /** Only by its name, made safe; null for a photo, which needs none. */
  file?: { name: string | null }
}

export const saidOf = ({ text, file }: { text: string; file?: FileNote }): Said => ({
  text,
  ...(file && { file: { name: file.mime.startsWith('image/') ? null : safeName(file.name) } }),
})

export const saidIn = (content: Content | null): Said | null => {
  if (content?.type === 'text') return saidOf({ text: content.text })
  return content?.type === 'file' ? saidOf(content) : null
}
