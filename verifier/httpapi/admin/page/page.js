// The operator's page: it asks its own server every few seconds, with a token
// that lives in this tab alone.
import { $, h, fill, count, span } from './dom.js'
import { bars, depth, table, share, kinds } from './charts.js'
import { showApps, newApp } from './apps.js'

const kept = 'perhuman-admin-token'
let token = sessionStorage.getItem(kept) ?? ''
let range = 'hour', latest, timer, shown = ''

export class Fault extends Error {
  constructor (status, problem) {
    super(problem.detail || problem.title || 'The verifier does not answer.')
    this.status = status
    this.code = problem.code
  }
}

// ask makes one request. The token goes into a header, so no other page can
// have a browser send it.
const ask = async (method, path, body) => {
  let r
  try {
    r = await fetch(path, {
      method, cache: 'no-store', credentials: 'omit', redirect: 'error', body: body && JSON.stringify(body),
      headers: { Authorization: 'Bearer ' + token, ...(body ? { 'Content-Type': 'application/json' } : {}) }
    })
  } catch { throw new Fault(0, {}) }
  const answer = await r.json().catch(() => ({}))
  if (!r.ok) throw new Fault(r.status, answer)
  return answer
}

const lock = why => {
  clearTimeout(timer)
  token = ''
  sessionStorage.removeItem(kept)
  $('room').hidden = $('lock').hidden = $('environment').hidden = true
  $('health').textContent = ''
  $('door').hidden = false
  $('wrong').hidden = !why
  $('wrong').textContent = why ?? ''
  $('token').value = ''
  $('token').focus()
}

const look = (id, kind, text) => { $(id).className = 'badge ' + kind; $(id).textContent = text }

const tile = (look, word, n, rest) => h('div', { class: 'tile' }, h('span', {}, look && h('i', { class: 'dot ' + look }), word), h('b', {}, n), h('small', {}, rest))

const draw = ({ state, series }) => {
  const sum = kind => series[kind].reduce((a, b) => a + b, 0)
  const all = kinds.reduce((n, [kind]) => n + sum(kind), 0)
  const part = n => all ? (100 * n / all).toFixed(n && n * 200 < all ? 1 : 0) + ' % of ' + count(all) : 'none yet'
  fill($('tiles'),
    kinds.map(([kind, look, word]) => tile(look, word, count(sum(kind)), part(sum(kind)))),
    tile('', 'Waiting now', count(state.queue?.Waiting ?? 0), state.capacity ? 'of ' + count(state.capacity) : 'proofs'))
  bars($('decisions'), $('legend'), series)
  fill($('decisions-table'), table(series))
  depth($('queue'), series)
  why(state, series)
  queue(state.queue)
  roots(state.roots)
  $('environment').hidden = false
  look('environment', state.live ? 'good' : 'warn', state.live ? 'live' : 'test only')
  const stale = state.roots.filter(r => !r.fresh)
  if (stale.length) look('health', 'bad', stale.length === 1 ? 'An issuer is not heard' : 'Issuers are not heard')
  else if (state.registry_age > 60) look('health', 'warn', 'The store is not heard')
  else look('health', 'good', 'Deciding')
  $('version').textContent = state.version ? 'perhuman ' + state.version + '.' : ''
  $('new-app').hidden = !state.changes
}

const why = (state, series) => {
  const rows = Object.entries(series.totals).filter(([code]) => code !== 'ok').sort((a, b) => b[1] - a[1])
  if (!rows.length) return fill($('why'), h('p', { class: 'empty' }, 'Nobody was refused in this time.'))
  const most = rows[0][1]
  fill($('why'), h('ul', { class: 'reasons' }, rows.slice(0, 8).map(([code, n]) => {
    const meaning = state.codes[code] ?? { title: code, kind: 'refused' }
    return h('li', {}, h('span', {}, meaning.title), h('b', {}, count(n)), share(n, most, meaning.kind === 'failed' ? 'not-now' : 'no'), h('code', {}, code))
  })), rows.length > 8 && h('p', { class: 'muted small' }, `and ${rows.length - 8} more, in /metrics`))
}

const pair = (name, value) => [h('dt', {}, name), h('dd', {}, value)]

const queue = q => {
  $('queue-now').textContent = q ? `${count(q.Waiting)} waiting, ${count(q.Running)} running` : ''
  if (!q) return fill($('queue-facts'))
  const proofs = q.Valid + q.Invalid
  fill($('queue-facts'), pair('Proofs', `${count(q.Valid)} good, ${count(q.Invalid)} bad`),
    pair('Batches', q.Flushes ? `${count(q.Flushes)}, ${(proofs / q.Flushes).toFixed(1)} proofs each` : 'none yet'),
    pair('Turned away', count(q.Full)))
}

const roots = list => {
  if (!list.length) return fill($('roots'), h('p', { class: 'empty' }, 'No issuer is followed here.'))
  fill($('roots'), list.map(r => h('div', { class: 'stack tight' },
    h('div', { class: 'row between' }, h('b', {}, r.issuer), h('span', { class: 'badge ' + (r.fresh ? 'good' : 'bad') }, r.fresh ? 'fresh' : 'stale')),
    share(r.age, r.limit, r.fresh ? (r.age > r.limit * .7 ? 'no' : 'yes') : 'not-now'),
    h('dl', { class: 'pairs' }, pair('Head', r.seq || r.age ? `${span(r.age)} old, ${span(r.limit)} allowed` : 'not heard yet'), pair('Root', '#' + count(r.seq)), pair('People', count(r.live))),
    r.error && h('p', { class: 'note bad' }, r.error))))
}

const refresh = async () => {
  clearTimeout(timer)
  try {
    const [state, series, apps] = await Promise.all([ask('GET', '/admin/state'), ask('GET', '/admin/series?range=' + range), ask('GET', '/admin/apps')])
    latest = { state, series, apps }
    draw(latest)
    const text = JSON.stringify(apps)
    if (text !== shown) showApps($('apps'), apps.apps, state.changes, change)
    shown = text
  } catch (e) {
    if (e.status === 401) return lock('That is not the token.')
    look('health', 'bad', 'No answer')
  }
  timer = setTimeout(refresh, 5000)
}

// change asks for a change and shows what came of it.
const change = async (method, path, body) => {
  const answer = await ask(method, path, body)
  await refresh()
  return answer
}

const enter = async () => {
  try {
    await ask('GET', '/admin/state')
  } catch (e) { return lock(e.status === 401 ? 'That is not the token.' : e.message) }
  sessionStorage.setItem(kept, token)
  $('door').hidden = true
  $('room').hidden = $('lock').hidden = false
  await refresh()
}

$('enter').addEventListener('submit', e => { e.preventDefault(); token = $('token').value.trim(); enter() })
$('lock').addEventListener('click', () => lock())
$('new-app').addEventListener('click', () => newApp(change))
$('ranges').addEventListener('click', e => {
  const to = e.target.dataset.range
  if (!to) return
  range = to
  for (const b of $('ranges').children) b.setAttribute('aria-pressed', String(b.dataset.range === to))
  refresh()
})
let resized
addEventListener('resize', () => { clearTimeout(resized); resized = setTimeout(() => latest && !$('room').hidden && draw(latest), 100) })
if (token) enter(); else lock()
