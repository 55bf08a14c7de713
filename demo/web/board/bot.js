// The bot page: the server prepares an attack (it holds the bot's identity and
// can forge what a bot would forge), this page fires it at the public route,
// and shows what came back beside the server's own counters.

import { byId, fill, h, icon } from '/perhuman/dom.js'
import { explain } from '/perhuman/codes.js'
import { begin, read, send } from './common.js'

/**
 * @typedef {{id: string, title: string, what: string, expect: string}} Case
 * @typedef {{method: string, path: string, headers: Record<string, string>, body: string}} Prepared
 */

const counters = byId('counters'), summary = byId('summary'), tally = byId('tally')
/** Answers this page got, by code. @type {Record<string, number>} */
const got = {}
/** The server's counters when the page opened. @type {Record<string, number>} */
let before = {}

/** @returns {Promise<Record<string, number>>} */
const count = () => read('/api/counters')

async function showCounters() {
  const now = await count()
  const codes = Object.keys(now).sort()
  fill(counters, codes.length
    ? codes.map((code) => h('tr', { 'data-fresh': now[code] !== (before[code] ?? 0), 'data-code': code }, h('th', { scope: 'row' }, h('code', null, code)), h('td', null, now[code])))
    : h('tr', null, h('td', null, 'none yet')))
  const mine = Object.keys(got)
  if (mine.length === 0) return
  const agree = mine.every((code) => (now[code] ?? 0) - (before[code] ?? 0) === got[code])
  tally.className = 'small'
  fill(tally, h('span', { class: agree ? 'badge good' : 'badge warn' }, icon(agree ? 'yes' : 'open'), agree ? 'equal to the answers on this page' : 'others use the board too, or a count differs'))
  tally.dataset.agree = String(agree)
}

/** @param {Prepared} p */
function requestText(p) {
  const headers = Object.entries(p.headers).map(([k, v]) => `${k}: ${v}`).join('\n')
  return `${p.method} ${p.path} HTTP/1.1\nHost: ${location.host}\n${headers}\n\n${p.body}`
}

/** @param {Response} answer @param {string} body */
function answerText(answer, body) {
  const headers = [...answer.headers].filter(([k]) => ['content-type', 'cache-control', 'retry-after'].includes(k)).map(([k, v]) => `${k}: ${v}`).join('\n')
  return `HTTP/1.1 ${answer.status} ${answer.statusText}\n${headers}\n\n${body}`
}

/** @param {string} body @returns {string} */
function codeIn(body) {
  try {
    return String(JSON.parse(body).code ?? '')
  } catch {
    return ''
  }
}

/** @param {Case} c */
function attack(c) {
  const result = h('div', { class: 'stack tight', role: 'status' })
  const wire = h('div')
  const button = h('button', { type: 'button', 'aria-label': `Fire: ${c.title}` }, 'Fire')
  const el = h('article', { class: 'attack', 'data-case': c.id },
    h('header', null, h('div', { class: 'stack tight' }, h('h2', null, c.title), h('p', null, c.what),
      h('p', { class: 'small' }, 'Expected answer: ', h('code', null, c.expect))), button),
    result, wire)
  const fire = async () => {
    if (button.disabled) return false
    button.disabled = true
    fill(result, h('span', { class: 'muted small' }, 'Preparing …'))
    try {
      const made = await send('/api/bot/prepare', { case: c.id })
      if (made.status !== 200) { // nothing was fired, so nothing is counted
        fill(result, h('p', { class: 'note warn' }, explain(made.code), ' ', h('code', null, made.code)))
        return false
      }
      const prepared = /** @type {Prepared} */ (made)
      const answer = await fetch(prepared.path, { method: prepared.method, headers: prepared.headers, body: prepared.method === 'GET' ? undefined : prepared.body })
      const body = await answer.text()
      const code = codeIn(body)
      got[code] = (got[code] ?? 0) + 1
      const stopped = code === c.expect
      el.dataset.outcome = stopped ? 'expected' : 'unexpected'
      el.dataset.code = code
      fill(result, h('p', { class: 'row' }, h('span', { class: stopped ? 'badge good' : 'badge bad' }, icon(stopped ? 'seal' : 'no'), code || String(answer.status)),
        h('span', { class: 'muted small' }, explain(code))))
      fill(wire, h('details', null, h('summary', { class: 'small' }, 'Raw request and answer'), h('div', { class: 'wire' },
        h('div', null, h('h3', null, 'Sent'), h('pre', { class: 'sent', tabindex: 0 }, requestText(prepared))),
        h('div', null, h('h3', null, 'Answered'), h('pre', { class: 'answered', tabindex: 0 }, answerText(answer, body))))))
      return stopped
    } catch (err) {
      el.dataset.outcome = 'unexpected'
      fill(result, h('p', { class: 'note bad' }, 'The board did not answer.'))
      return false
    } finally {
      button.disabled = false
      await showCounters().catch(() => {})
    }
  }
  button.addEventListener('click', fire)
  return { el, fire }
}

// The swarm's answers are not this page's: the comparison starts anew after it.
addEventListener('swarm-over', async () => {
  before = await count().catch(() => before)
  for (const code of Object.keys(got)) delete got[code]
  fill(tally)
  await showCounters().catch(() => {})
})
before = await begin('/api/counters')
const cases = /** @type {Case[]} */ (await begin('/api/bot/cases')).map(attack)
fill(byId('cases'), cases.map((c) => c.el))
await showCounters().catch(() => {})

const all = /** @type {HTMLButtonElement} */ (byId('all'))
all.addEventListener('click', async () => {
  all.disabled = true
  let stopped = 0
  for (const [i, c] of cases.entries()) {
    summary.textContent = `Attack ${i + 1} of ${cases.length} …`
    if (await c.fire()) stopped++
  }
  summary.textContent = stopped === cases.length ? `All ${cases.length} attacks were answered as expected.` : `${stopped} of ${cases.length} were answered as expected.`
  all.disabled = false
})
all.disabled = false
