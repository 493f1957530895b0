/**
 * The two ports behind which all cryptography lies, without any: for tests of what the outbox and the inbox do with
 * what comes out. The real ones are tested by whole engines against a real relay.
 */
import { fromBase64, toBase64, utf8 } from '#shared/bytes'
import { parseContent, type Content } from '#shared/content'
import type { Db } from '../../../extension/db/db.ts'
import type { Opener } from '../../../extension/engine/opener.ts'
import type { Sealer } from '../../../extension/engine/sealer.ts'

export const payloadOf = (content: Content): string => toBase64(utf8(JSON.stringify(content)))

export const plainSealer = (db: Db): Sealer => ({
  seal: ({ content }, write) =>
    db.transaction('rw', [db.outbox, db.messages, db.changes, db.ratchetsOut], () =>
      write({ payload: payloadOf(content) }),
    ),
  isOpening: async () => false,
})

export const plainOpener = (): Opener => ({
  async open({ payload, id: mid }) {
    try {
      return { content: parseContent(JSON.parse(new TextDecoder().decode(fromBase64(payload)))), mid }
    } catch {
      return { content: null, mid }
    }
  },
  async store() {},
})
