/** What stands for a person without a picture: initials on a colour that always is the same for the same name. */

/** A hue in degrees, spread evenly (FNV-1a); the idea is XEP-0392's, which hashes with SHA-1. */
export function hueOf(id: string): number {
  let hash = 0x811c9dc5
  for (let at = 0; at < id.length; at++) hash = Math.imul(hash ^ id.charCodeAt(at), 0x01000193)
  return Math.round(((hash >>> 0) / 0x1_0000_0000) * 360)
}

/** `anna.lee` → AL, `bob` → B. */
export function initialsOf(name: string): string {
  return name
    .split(/[._-]/)
    .slice(0, 2)
    .map((part) => part.charAt(0).toUpperCase())
    .join('')
}
