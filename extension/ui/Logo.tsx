import './Logo.css'

/** A P that is a speech bubble. The icons in public/icon are made from this by test/support/icons.ts. */
export const logoPath =
  'M3 14.5A13.5 13.5 0 1 1 16.5 28H11.2L5.1 31.4A1.4 1.4 0 0 1 3 30.2ZM16.5 9a5.5 5.5 0 1 0 0 11a5.5 5.5 0 1 0 0-11Z'

export function Logo({ size = 32 }: { size?: number }) {
  return (
    <svg class="logo" width={size} height={size} viewBox="0 0 32 32" aria-hidden="true">
      <path fill="currentColor" fill-rule="evenodd" d={logoPath} />
    </svg>
  )
}
