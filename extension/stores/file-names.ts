/**
 * What a file is called. A name comes from whoever sent it and is never believed: shown, saved and sent on it is only in
 * the form that `safeName` gives it.
 */
import filenamify from 'filenamify/browser'

/** Of characters of UTF-16, and of bytes of UTF-8: file systems take 255 of either. */
const charsMax = 120
const bytesMax = 240
/** A longer ending is no ending. */
const endingMax = 16

/** What somebody without a name is called. */
export const nameless = 'file'

/**
 * The name without what could lie or hurt: folders, control and bidi characters, names that Windows keeps for itself,
 * dots and spaces at either end, lengths that no disk takes. Never empty. What is safe stays as it is.
 */
export function safeName(name: string): string {
  const readable = name.toWellFormed().replaceAll(/\s+/g, ' ').trim()
  const [base, ending] = parted(readable)
  const whole = ending === '' ? base : `${base}.${ending}`
  for (const maxLength of [charsMax, bytesMax / 3]) {
    const safe = hideNoDot(filenamify(whole, { replacement: '_', maxLength }).trim())
    if (safe === '' || /^[_.\s]+$/.test(safe)) return nameless
    if (safe.length <= charsMax && new TextEncoder().encode(safe).length <= bytesMax) return safe
  }
  return nameless
}

/** A file that begins with a dot is hidden in a folder. */
const hideNoDot = (name: string) => name.replace(/^[\s.]+/, '_')

/** The ending without its dot, as it is written; empty when there is none. One that is too long belongs to the name. */
function parted(name: string): [base: string, ending: string] {
  const trimmed = name.replace(/[\s.]+$/, '')
  const dot = trimmed.lastIndexOf('.')
  if (dot <= 0) return [trimmed, '']
  const ending = trimmed.slice(dot + 1)
  return ending.length > endingMax ? [trimmed.replaceAll('.', '_'), ''] : [trimmed.slice(0, dot), ending]
}

export const endingOf = (name: string): string => parted(safeName(name))[1].toLowerCase()

const words = (text: string) => new Set(text.trim().split(/\s+/))

/** What a double click may run, on any system, and pages that could run in a browser. */
const programs = words(`
  action apk app appimage application appref-ms appx appxbundle bash bat cab chm cmd com command cpl crx csh deb desktop
  diagcab dll dmg docm dotm drv exe fish gadget hlp hta htm html inf ins ipa iqy iso img jar jnlp js jse jsp kext lnk mam
  mde mdb mht mhtml mjs msc msi msix msixbundle msp mst ocx osax paf pif pkg pl potm ppam ppsm pptm prg ps1 ps1xml ps2
  psc1 psd1 psm1 py pyc pyw pyz rb reg rpm run scf scpt scptd scr sct search-ms service settingcontent-ms sh shb shs shtml
  sldm slk snap svg svgz swf sys terminal url vb vbe vbs vhd vhdx wasm webarchive webloc website wim workflow ws wsc wsf
  wsh xaml xbap xhtml xht xla xlam xll xlsm xltm xpi xsl xslt zsh`)

/** What people look at and read, and what they pack it into: an ending that says nothing else. */
const harmless = words(`
  aac avi avif bmp csv doc docx epub flac gif heic jpeg jpg json key log m4a m4v md mkv mov mp3 mp4 mpeg mpg numbers odp
  ods odt oga ogg ogv opus pages pdf png ppt pptx rtf tif tiff txt wav webm webp wma wmv xls xlsx xml`)
const packed = words('7z asc bak bz2 gpg gz part rar sig tar tgz xz zip zst')

/** Why a file asks twice before it is saved; null when it does not. */
export type Risk = 'program' | 'double-ending'

export function riskOf(name: string): Risk | null {
  const [base, ending] = parted(safeName(name))
  const last = ending.toLowerCase()
  if (programs.has(last)) return 'program'
  // "invoice.pdf.xyz" wants to be taken for a document, and is none.
  const before = parted(base)[1].toLowerCase()
  const isDouble = harmless.has(before) && last !== '' && !harmless.has(last) && !packed.has(last)
  return isDouble ? 'double-ending' : null
}
