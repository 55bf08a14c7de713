// The swarm: the server sends some hundreds of attacks at its own public routes;
// this page draws what stopped them and what they cost, while they come in.

import { byId, fill, h, icon } from '/perhuman/dom.js'
import { explain } from '/perhuman/codes.js'
import { begin, send } from './common.js'

/**
 * @typedef {{id: string, title: string, stage: string, made: number, fired: number, passed: number, broke?: boolean, codes: Record<string, number>, make_cpu_ms: number, fire_cpu_ms: number}} Raid
 * @typedef {{running: boolean, raids: Raid[] | null, rate: number[] | null}} State
 */

/** @param {string} tag @param {Record<string, string | number>} props @param {...Node} children */
function svg(tag, props, ...children) {
  const el = document.createElementNS('http://www.w3.org/2000/svg', tag)
  for (const [k, v] of Object.entries(props)) el.setAttribute(k, String(v))
  el.append(...children)
  return el
}

/** A bar as long as its share. @param {{share: number, kind: string}[]} parts */
function bar(parts) {
  const size = 5 * parts.length + 1
  return svg('svg', { viewBox: `0 0 100 ${size}`, preserveAspectRatio: 'none', class: parts.length > 1 ? 'bar-chart two' : 'bar-chart', 'aria-hidden': 'true' },
    ...parts.flatMap((p, i) => [svg('rect', { x: 0, y: i * 5 + 1, width: 100, height: 4, class: 'ground' }), svg('rect', { x: 0, y: i * 5 + 1, width: Math.max(p.share * 100, p.share > 0 ? 0.6 : 0), height: 4, class: p.kind })]))
}

/** Answers in each quarter of a second, as an area. @param {number[]} rate */
function course(rate) {
  const most = Math.max(1, ...rate), n = Math.max(rate.length, 2)
  const at = (/** @type {number} */ v, /** @type {number} */ i) => `${(i / (n - 1) * 100).toFixed(2)},${(39 - v / most * 36).toFixed(2)}`
  return svg('svg', { viewBox: '0 0 100 40', preserveAspectRatio: 'none', class: 'course', role: 'img', 'aria-label': `Attacks answered in each quarter of a second; the most was ${most}` },
    svg('polygon', { points: ['0,39', ...rate.map(at), `${(rate.length - 1) / (n - 1) * 100},39`].join(' '), class: 'area' }),
    svg('polyline', { points: rate.map(at).join(' '), class: 'line', 'vector-effect': 'non-scaling-stroke' }))
}

const ms = (/** @type {number} */ n) => n === 0 ? '–' : n < 10 ? `${n.toFixed(2)} ms` : `${Math.round(n)} ms`

/** @param {State} s */
function draw(s) {
  if (!s.raids?.length) { // none since the board was started
    fill(byId('swarm-status'))
    byId('charts').hidden = true
    return
  }
  byId('charts').hidden = false
  /** @type {Record<string, number>} */
  const codes = {}
  for (const r of s.raids) for (const [code, n] of Object.entries(r.codes)) codes[code] = (codes[code] ?? 0) + n
  const passed = s.raids.reduce((n, r) => n + r.passed, 0), fired = s.raids.reduce((n, r) => n + r.fired, 0), broke = s.raids.filter((r) => r.broke).length
  const rows = Object.entries(codes).sort((a, b) => b[1] - a[1]), most = Math.max(1, ...Object.values(codes))
  fill(byId('stopped'), rows.map(([code, n]) => h('li', { 'data-code': code, title: explain(code) }, h('code', null, code || 'no code'), h('b', null, n), bar([{ share: n / most, kind: 'stop' }]))))
  const costs = s.raids.map((r) => ({ r, make: r.made ? r.make_cpu_ms / r.made : 0, fire: r.fired ? r.fire_cpu_ms / r.fired : 0 }))
  const dear = Math.max(0.01, ...costs.flatMap((c) => [c.make, c.fire]))
  fill(byId('costs'), costs.map(({ r, make, fire }) => h('li', { 'data-raid': r.id, 'data-stage': r.stage },
    h('span', null, r.title, ' ', h('span', { class: 'muted' }, r.broke ? `broke off after ${r.fired}` : r.stage === 'done' ? `× ${r.fired}` : r.stage)), h('span', { class: 'small figures' }, ms(make), ' / ', h('b', null, ms(fire))),
    bar([{ share: make / dear, kind: 'make' }, { share: fire / dear, kind: 'stop' }]))))
  const seconds = (/** @type {number} */ n) => `${(n / 1000).toFixed(n < 10_000 ? 2 : 1)} s`
  byId('total').textContent = `All of it: ${seconds(s.raids.reduce((n, r) => n + r.make_cpu_ms, 0))} to make, ${seconds(s.raids.reduce((n, r) => n + r.fire_cpu_ms, 0))} to send and stop.`
  const rate = s.rate?.length ? s.rate : [0]
  fill(byId('course'), course(rate), h('p', { class: 'row between muted small' }, h('span', null, `Answers a quarter second, ${Math.max(...rate)} at most`), h('span', null, `${(rate.length / 4).toFixed(1)} s`)))
  const doing = s.raids.find((r) => r.stage === 'preparing' || r.stage === 'firing')
  fill(byId('swarm-status'), s.running
    ? h('span', { class: 'muted' }, doing ? `${doing.title}: ${doing.stage} …` : 'Starting …')
    : h('span', { class: passed ? 'badge bad' : broke ? 'badge warn' : 'badge good' }, icon(passed ? 'no' : broke ? 'open' : 'seal'),
      (passed ? `${passed} of ${fired} got through` : `${fired} attacks, none got through`) + (broke ? `; ${broke} of ${s.raids.length} kinds broke off` : '')))
}

const button = /** @type {HTMLButtonElement} */ (byId('swarm'))
let following = false
/** Draws what there is, and goes on until no swarm is out. */
async function follow() {
  if (following) return
  following = button.disabled = true
  let ran = false
  for (;;) {
    const state = /** @type {State} */ (await begin('/api/lab'))
    draw(state)
    if (!state.running) break
    ran = true
    await new Promise((resolve) => setTimeout(resolve, 300))
  }
  following = button.disabled = false
  if (ran) dispatchEvent(new Event('swarm-over'))
}
button.addEventListener('click', async () => {
  button.disabled = true
  const said = await send('/api/lab', {})
  if (said.status === 200 || said.code === 'overloaded') return follow()
  fill(byId('swarm-status'), h('span', { class: 'badge bad' }, explain(said.code)))
  button.disabled = false
})
await follow()
