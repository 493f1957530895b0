import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'

/** A folder as a zip archive, nothing compressed: what Firefox takes as an .xpi. */
export function zipFolder(folder: string): Buffer {
  const locals: Buffer[] = []
  const entries: Buffer[] = []
  let offset = 0
  for (const path of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    if (statSync(join(folder, path)).isDirectory()) continue
    const content = readFileSync(join(folder, path))
    const name = Buffer.from(path.replaceAll('\\', '/'))
    const common = commonHeader(name, content)
    const local = Buffer.concat([signature(0x04034b50), common, name, content])
    const position = Buffer.alloc(14) // no comment, first disk, no attributes, then where the local header is
    position.writeUInt32LE(offset, 10)
    entries.push(signature(0x02014b50), Buffer.from([20, 0]), common, position, name)
    locals.push(local)
    offset += local.length
  }
  const directory = Buffer.concat(entries)
  const end = Buffer.alloc(18)
  end.writeUInt16LE(locals.length, 4)
  end.writeUInt16LE(locals.length, 6)
  end.writeUInt32LE(directory.length, 8)
  end.writeUInt32LE(offset, 12)
  return Buffer.concat([...locals, directory, signature(0x06054b50), end])
}

function signature(number: number) {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(number)
  return bytes
}

/** The 26 bytes that the local header and the directory's entry share (APPNOTE.TXT 4.3.7 and 4.3.12). */
function commonHeader(name: Buffer, content: Buffer) {
  const header = Buffer.alloc(26)
  header.writeUInt16LE(20, 0) // version needed: 2.0
  header.writeUInt16LE(0x0800, 2) // names are UTF-8
  header.writeUInt16LE(0x0021, 8) // 1980-01-01
  header.writeUInt32LE(crc32(content), 10)
  header.writeUInt32LE(content.length, 14)
  header.writeUInt32LE(content.length, 18)
  header.writeUInt16LE(name.length, 22)
  return header
}
