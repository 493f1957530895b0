/** The page's style sheet. Colours and sizes are those of the extension (extension/ui/tokens.css). */
export const style = `
:root { color-scheme: light dark;
  --ground: #fbfaf7; --surface: #f1efea; --text: #1e1c19; --muted: #645f57; --line: #dedad2;
  --accent: #0b6b66; --on-accent: #ffffff; --accent-soft: #d8ece8; --focus: #1864ab }
@media (prefers-color-scheme: dark) { :root {
  --ground: #17181b; --surface: #202226; --text: #ececea; --muted: #aba8a1; --line: #34373d;
  --accent: #5fcabb; --on-accent: #0d1f1d; --accent-soft: #1d423e; --focus: #74c0fc } }
* { box-sizing: border-box }
body { margin: 0; background: var(--ground); color: var(--text); font: 15px/24px system-ui, sans-serif }
main { max-width: 720px; margin: 0 auto; padding: 48px 24px 64px }
h1 { font-size: 28px; line-height: 36px; margin: 0 0 12px; overflow-wrap: anywhere }
h2 { font-size: 16px; line-height: 22px; margin: 0 0 8px }
h3 { font-size: 14px; line-height: 20px; margin: 0 0 8px }
p { margin: 0 0 12px }
section { margin-top: 32px; padding-top: 24px; border-top: 1px solid var(--line) }
code { font: 13px/20px ui-monospace, monospace; background: var(--surface); border-radius: 6px; padding: 2px 6px;
  overflow-wrap: anywhere }
ol, ul { margin: 0 0 12px; padding-inline-start: 20px }
li { margin: 4px 0 }
a { color: var(--accent) }
.kind { color: var(--muted); margin: 0 }
.meta { color: var(--muted); font-size: 13px; line-height: 20px }
.address code { display: inline-block; font-size: 16px; line-height: 24px; padding: 8px 12px }
.two { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 260px), 1fr)); gap: 24px 32px }
.button { display: inline-block; background: var(--accent); color: var(--on-accent); border-radius: 6px;
  padding: 8px 16px; text-decoration: none; margin-inline-end: 8px }
.button:hover { text-decoration: underline }
:focus-visible { outline: 2px solid var(--focus); outline-offset: 2px }
.plain { background: var(--accent-soft); border-radius: 12px; padding: 12px 16px }
@media (forced-colors: active) { .button, .plain, code { border: 1px solid } }
`
