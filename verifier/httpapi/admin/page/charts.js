// Charts in SVG: stacked bars of decisions, the queue's depth, shares.
import { h, s, count, time } from './dom.js'

// ceil gives the next number that four steps divide into round ones.
const ceil = n => {
  for (let unit = 1; ; unit *= 10) {
    for (const k of [4, 8, 12, 16, 20, 24, 28, 32, 40, 48, 60]) if (unit * k >= n) return unit * k
  }
}

export const kinds = [['accepted', 'yes', 'Accepted'], ['refused', 'no', 'Refused'], ['failed', 'not-now', 'Not decided']]

const label = (series, i) => {
  const from = series.start + i * series.step
  if (series.range === 'week') return time(from, 'day') + ', ' + time(from, 'clock')
  return time(from, 'clock')
}

// frame is the grid with its numbers; heights are in the units of the box.
const frame = (width, height, left, top, bottom, most) => {
  const lines = []
  const steps = 4
  for (let i = 0; i <= steps; i++) {
    const y = top + (height - top - bottom) * (1 - i / steps)
    lines.push(s('line', { class: 'grid', x1: left, x2: width, y1: y, y2: y }),
      s('text', { x: left - 8, y: y + 4, 'text-anchor': 'end' }, count(most * i / steps)))
  }
  return lines
}

// dates marks the steps on which a label has room: full days in a week, times
// otherwise, counted from the newest.
const dates = (series, width, height, left, bars) => {
  const at = i => left + (i + .5) * (width - left) / bars
  const text = i => time(series.start + i * series.step, series.range === 'week' ? 'day' : 'clock')
  const room = 62
  const every = Math.max(1, Math.ceil(bars * room / (width - left)))
  const marks = []
  for (let i = bars - 1; i >= 0; i--) {
    const wanted = series.range === 'week' ? i > 0 && text(i) !== text(i - 1) : (bars - 1 - i) % every === 0
    const x = Math.min(at(i), width - 18)
    if (wanted && x > left + 16 && (!marks.length || marks.at(-1).x - x >= room * .7)) marks.push({ x, words: text(i) })
  }
  return marks.map(m => s('text', { x: m.x, y: height - 6, 'text-anchor': 'middle' }, m.words))
}

// bars draws the decisions. The legend follows the pointer and the arrow keys.
export const bars = (at, legend, series) => {
  const width = Math.max(280, at.clientWidth), height = at.clientWidth < 480 ? 192 : 240
  const left = 46, top = 8, bottom = 26
  const n = series.accepted.length
  const total = i => kinds.reduce((sum, [kind]) => sum + series[kind][i], 0)
  const most = ceil(Math.max(4, ...series.accepted.map((_, i) => total(i))))
  const step = (width - left) / n, wide = Math.max(1, step - Math.max(1, Math.min(4, step * .25)))
  const cursor = s('rect', { class: 'cursor', y: top, height: height - top - bottom, width: step, visibility: 'hidden', rx: 2 })
  const chart = s('svg', { viewBox: `0 0 ${width} ${height}`, role: 'img', tabindex: 0, 'aria-label': describe(series) }, cursor, frame(width, height, left, top, bottom, most))
  for (let i = 0; i < n; i++) {
    let y = height - bottom
    for (const [kind, look] of kinds) {
      const tall = series[kind][i] / most * (height - top - bottom)
      if (!tall) continue
      y -= tall
      chart.append(s('rect', { class: 'bar-' + look, x: left + i * step + (step - wide) / 2, y, width: wide, height: Math.max(1, tall), rx: Math.min(2, wide / 3) }))
    }
  }
  chart.append(...dates(series, width, height, left, n))
  const show = i => {
    legend.replaceChildren(...kinds.map(([kind, look, word]) => h('span', {}, h('i', { class: 'dot ' + look }), word,
      i === undefined ? '' : h('b', {}, count(series[kind][i])))), i === undefined ? '' : h('span', { class: 'when' }, label(series, i)))
    if (i === undefined) return cursor.setAttribute('visibility', 'hidden')
    cursor.setAttribute('x', left + i * step)
    cursor.setAttribute('visibility', 'visible')
  }
  let here
  chart.addEventListener('pointermove', e => {
    const box = chart.getBoundingClientRect()
    const i = Math.floor(((e.clientX - box.left) / box.width * width - left) / step)
    here = i >= 0 && i < n ? i : undefined
    show(here)
  })
  chart.addEventListener('pointerleave', () => { here = undefined; show() })
  chart.addEventListener('keydown', e => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[e.key]
    if (!by) return
    e.preventDefault()
    here = Math.min(n - 1, Math.max(0, (here ?? n - (by < 0 ? 0 : 1)) + by))
    show(here)
  })
  chart.addEventListener('blur', () => { here = undefined; show() })
  show()
  at.replaceChildren(chart)
}

const describe = series => kinds.map(([kind, , word]) => word + ' ' + count(series[kind].reduce((a, b) => a + b, 0))).join(', ') + ', last ' + series.range

// table is the same in rows, newest first; steps in which nothing happened are
// left out.
export const table = series => {
  const rows = []
  for (let i = series.accepted.length - 1; i >= 0; i--) {
    if (kinds.every(([kind]) => series[kind][i] === 0)) continue
    rows.push(h('tr', {}, h('td', {}, label(series, i)), kinds.map(([kind]) => h('td', { class: 'n' }, count(series[kind][i])))))
  }
  if (!rows.length) return h('p', { class: 'empty' }, 'Nothing happened in this time.')
  return h('table', {}, h('thead', {}, h('tr', {}, h('th', {}, 'From'), kinds.map(([, , word]) => h('th', { class: 'n' }, word)))), h('tbody', {}, rows))
}

// depth draws the most that waited in each step.
export const depth = (at, series) => {
  const width = Math.max(240, at.clientWidth), height = 120, left = 46, top = 8, bottom = 26
  const known = series.queue.map(n => Math.max(0, n))
  const most = ceil(Math.max(4, ...known))
  const n = known.length, step = (width - left) / n
  const y = v => top + (height - top - bottom) * (1 - v / most)
  const first = series.queue.findIndex(v => v >= 0)
  const chart = s('svg', { viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': `Most proofs that waited, last ${series.range}: ${Math.max(0, ...known)}` })
  if (first >= 0) {
    const points = known.slice(first).map((v, i) => [left + (first + i + .5) * step, y(v)])
    const path = points.map(([x, y], i) => (i ? 'L' : 'M') + x.toFixed(1) + ' ' + y.toFixed(1)).join('')
    chart.append(s('path', { class: 'area', d: `${path}L${points.at(-1)[0]} ${y(0)}L${points[0][0]} ${y(0)}Z` }))
    chart.append(...frame(width, height, left, top, bottom, most), s('path', { class: 'line', d: path }))
  } else chart.append(...frame(width, height, left, top, bottom, most))
  chart.append(...dates(series, width, height, left, n))
  at.replaceChildren(chart)
}

// share is a bar of one part of a whole.
export const share = (part, whole, look) => s('svg', { viewBox: '0 0 100 4', preserveAspectRatio: 'none', class: 'meter', 'aria-hidden': 'true' },
  s('rect', { class: 'bar-' + look, width: Math.max(part ? 1 : 0, Math.min(100, 100 * part / Math.max(1, whole))), height: 4 }))
