// Building pages without markup in strings: nothing a person or a server
// wrote can become an element.

/**
 * @typedef {string | number | Node | null | undefined | false} Child
 * @typedef {Child | Child[]} Children
 */

/**
 * Makes an element. Properties: class, on<event> for listeners, booleans for
 * boolean attributes, everything else as attributes.
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag @param {Record<string, any> | null} [props] @param {...Children} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function h(tag, props, ...children) {
  const el = document.createElement(tag)
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === undefined || value === null || value === false) continue
    if (name.startsWith('on')) el.addEventListener(name.slice(2), value)
    else if (name === 'value' || name === 'checked') /** @type {any} */ (el)[name] = value
    else el.setAttribute(name, value === true ? '' : String(value))
  }
  el.append(...nodes(children))
  return el
}

/** @param {Children[]} children @returns {(string | Node)[]} */
function nodes(children) {
  return children.flat().filter((c) => c !== null && c !== undefined && c !== false).map((c) => (c instanceof Node ? c : String(c)))
}

/** Replaces what an element holds. @param {Element} el @param {...Children} children */
export function fill(el, ...children) {
  el.replaceChildren(...nodes(children))
}

/** @param {string} id @returns {HTMLElement} */
export function byId(id) {
  const el = document.getElementById(id)
  if (!el) throw new Error(`no element #${id}`)
  return el
}

export const paths = {
  seal: 'M12 2.6l2.5 1.9 3.1-.1 1 3 2.6 1.8-1 3 1 3-2.6 1.8-1 3-3.1-.1L12 21.8l-2.5-1.9-3.1.1-1-3-2.6-1.8 1-3-1-3 2.6-1.8 1-3 3.1.1zM8.2 12.2l2.6 2.6 5-5.2',
  yes: 'M12 3a9 9 0 100 18 9 9 0 000-18zM8 12.3l2.7 2.7L16 9.6',
  no: 'M12 3a9 9 0 100 18 9 9 0 000-18zM9 9l6 6M15 9l-6 6',
  open: 'M12 3a9 9 0 100 18 9 9 0 000-18zM12 8v5M12 16v.2',
  key: 'M8 8a4 4 0 100 8 4 4 0 000-8zM12 12h9.2M17 12v3.4M20.6 12v2.4',
  lock: 'M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 017 0v3',
  camera: 'M4 8h3.5L9 5.5h6L16.5 8H20v11H4zM12 10a3.2 3.2 0 100 6.4 3.2 3.2 0 000-6.4z',
  eye: 'M2.5 12S6 5.8 12 5.8 21.5 12 21.5 12 18 18.2 12 18.2 2.5 12 2.5 12zM12 9a3 3 0 100 6 3 3 0 000-6z',
  print: 'M7 9V3.5h10V9M7 17H4V9h16v8h-3M7 14h10v6.5H7z',
  out: 'M14 4h6v6M20 4l-9 9M10 5H5v14h14v-5',
}

/** A decorative line icon. @param {keyof typeof paths} name */
export function icon(name) {
  const ns = 'http://www.w3.org/2000/svg'
  const svg = document.createElementNS(ns, 'svg')
  for (const [k, v] of Object.entries({ viewBox: '0 0 24 24', fill: 'none', stroke: 'currentColor', 'stroke-width': '1.9', 'stroke-linecap': 'round', 'stroke-linejoin': 'round', 'aria-hidden': 'true' })) svg.setAttribute(k, v)
  const path = document.createElementNS(ns, 'path')
  path.setAttribute('d', paths[name])
  svg.append(path)
  return svg
}

/**
 * A crowd as a sunflower of equal dots: nobody in it stands out, and that is
 * the point. Decorative; the text beside it says the number.
 * @param {number} n
 */
export function crowd(n) {
  const ns = 'http://www.w3.org/2000/svg'
  const svg = document.createElementNS(ns, 'svg')
  const shown = Math.max(1, Math.min(n, 420))
  svg.setAttribute('viewBox', '-100 -100 200 200')
  svg.setAttribute('aria-hidden', 'true')
  svg.setAttribute('class', 'crowd')
  const step = 94 / Math.sqrt(shown)
  for (let i = 0; i < shown; i++) {
    const angle = i * 2.399963, r = step * Math.sqrt(i + 0.5)
    const dot = document.createElementNS(ns, 'circle')
    dot.setAttribute('cx', (r * Math.cos(angle)).toFixed(2))
    dot.setAttribute('cy', (r * Math.sin(angle)).toFixed(2))
    dot.setAttribute('r', Math.min(step * 0.55, 9).toFixed(2))
    dot.setAttribute('fill', 'currentColor')
    svg.append(dot)
  }
  return svg
}

/** "3 minutes ago", in the page's language. @param {number} unix seconds @param {number} now milliseconds */
export function ago(unix, now) {
  const s = Math.round(unix - now / 1000)
  const format = new Intl.RelativeTimeFormat(document.documentElement.lang || 'en', { numeric: 'auto' })
  for (const [unit, size] of /** @type {[Intl.RelativeTimeFormatUnit, number][]} */ ([['day', 86400], ['hour', 3600], ['minute', 60]])) {
    if (Math.abs(s) >= size) return format.format(Math.round(s / size), unit)
  }
  return format.format(0, 'second')
}
