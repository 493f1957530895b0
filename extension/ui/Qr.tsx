import { encode } from 'uqr'
import './Qr.css'

/** A text as a QR code. Black on white in every theme: some readers see nothing else. */
export function Qr({ text, label }: { text: string; label: string }) {
  const { data, size } = encode(text, { border: 4 }) // the quiet zone of ISO 18004
  const path = data.flatMap((row, y) => row.map((isDark, x) => (isDark ? `M${x} ${y}h1v1h-1z` : ''))).join('')
  return (
    <svg
      class="qr"
      // oxlint-disable-next-line prefer-tag-over-role -- an <img> would need the code as a string
      role="img"
      aria-label={label}
      viewBox={`0 0 ${size} ${size}`}
      shape-rendering="crispEdges"
    >
      <path class="qr-ground" d={`M0 0h${size}v${size}h-${size}z`} />
      <path class="qr-marks" d={path} />
    </svg>
  )
}
