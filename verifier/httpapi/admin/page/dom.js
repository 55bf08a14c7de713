// Elements without a framework. Text only: nothing that comes from the server
// is ever read as markup.
const make = (element, props, children) => {
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === undefined || value === null || value === false) continue
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value)
    else element.setAttribute(name, value === true ? '' : String(value))
  }
  element.append(...children.flat(2).filter(c => c !== undefined && c !== null && c !== false).map(c => c instanceof Node ? c : String(c)))
  return element
}
export const h = (tag, props, ...children) => make(document.createElement(tag), props, children)
export const s = (tag, props, ...children) => make(document.createElementNS('http://www.w3.org/2000/svg', tag), props, children)
export const $ = id => document.getElementById(id)
export const fill = (at, ...children) => at.replaceChildren(...children.flat(2).filter(Boolean))

const number = new Intl.NumberFormat('en')
const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 })
export const count = n => n < 100000 ? number.format(n) : compact.format(n)
const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' })
const day = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' })
const whole = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', year: 'numeric', hour: '2-digit', minute: '2-digit' })
export const time = (seconds, how) => ({ clock, day, whole })[how ?? 'whole'].format(new Date(seconds * 1000))

export const span = seconds => {
  const s = Math.max(0, Math.round(seconds))
  if (s < 90) return s + ' s'
  if (s < 5400) return Math.round(s / 60) + ' min'
  if (s < 129600) return Math.round(s / 3600) + ' h'
  return Math.round(s / 86400) + ' days'
}
