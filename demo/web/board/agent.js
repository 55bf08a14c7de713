// Grants for the demonstration's agent: made here, bound in a proof by the
// wallet, spent by signed requests, revoked with a secret that this browser keeps.

import '/perhuman/handover.js' // before the widgets, which then draw their second button with the first
import '/perhuman/perhuman.js'
import { concat, encode, fromBase64url, prefixed, sha256, toBase64url, uint } from '/perhuman/bytes.js'
import { byId, fill, h, icon } from '/perhuman/dom.js'
import { explain } from '/perhuman/codes.js'
import { begin, keep as store, kept, send, when } from './common.js'

/** @typedef {{id: string, name: string, budget: number, used: number, left: number, expires: number, secret: string, revoked: boolean}} Kept */

const field = (/** @type {string} */ id) => /** @type {HTMLInputElement} */ (byId(id))
const check = /** @type {import('/perhuman/perhuman.js').PerhumanCheck} */ (byId('check'))
const session = /** @type {import('./board.js').Session} */ (await begin('/api/session'))
const helper = /** @type {{key: string, per_day: number}} */ (await begin('/api/agent'))
const place = 'agora-grants'
/** Grants that this browser would not keep: they go with the page. @type {Kept[]} */
let unkept = []
/** @param {Kept[]} list @param {Kept} g */
const put = (list, g) => { const at = list.findIndex((o) => o.id === g.id); return at < 0 ? [...list, g] : list.with(at, g) }
/** @returns {Kept[]} another tab may have put one there: always the newest */
const stored = () => { const g = kept(place, /** @type {Kept[]} */ ([])); return Array.isArray(g) ? g.filter((o) => typeof o?.id === 'string' && typeof o.secret === 'string') : [] }
const all = () => unkept.reduce(put, stored())
/** @param {Kept} g @returns {boolean} whether it outlives the page */
const keep = (g) => {
  const fine = store(place, put(stored(), g))
  unkept = fine ? unkept.filter((o) => o.id !== g.id) : put(unkept, g)
  return fine
}
addEventListener('storage', (event) => { if (event.key === place) show() })

/** The secret that revokes and its hash are there before the click, which must not wait. */
let secret = new Uint8Array(32), hash = new Uint8Array(32)
async function fresh() {
  secret = crypto.getRandomValues(new Uint8Array(32))
  hash = await sha256(secret)
}
await fresh()

/** What the proof is bound to, and what is sent. */
let bytes = new Uint8Array(), made = /** @type {Kept} */ ({})
check.setAttribute('wallet', session.wallet)
check.setAttribute('app', session.rp)
check.content = () => {
  const name = field('name').value.trim().normalize('NFC'), budget = Number(field('budget').value), expires = Math.floor(Date.now() / 1000) + Number(field('life').value)
  // lp(rp) || agent || lp(name) || u8(n) || n times lp(action) || u32(budget) || u64(expires) || revocation
  bytes = concat(prefixed(encode(session.rp)), fromBase64url(helper.key), prefixed(encode(name)), new Uint8Array([1]), prefixed(encode('comment')), uint(budget, 4), uint(expires, 8), hash)
  made = { id: '', name, budget, used: 0, left: Math.min(budget, helper.per_day), expires, secret: toBase64url(secret), revoked: false }
  return { kind: 'grant', bytes }
}
check.addEventListener('click', (event) => {
  if (/** @type {HTMLFormElement} */ (byId('grant')).reportValidity()) return
  event.stopPropagation()
}, { capture: true })
byId('grant').addEventListener('submit', (e) => e.preventDefault())
byId('grant').addEventListener('input', () => { if (check.getResponse()) check.reset() })
check.addEventListener('perhuman-verified', async (event) => {
  const said = await send('/agents', { grant: toBase64url(bytes) }, /** @type {CustomEvent<{response: string}>} */ (event).detail.response)
  check.reset()
  if (said.status !== 201) {
    fill(byId('grant-status'), h('div', { class: 'note bad' }, explain(said.code), ' ', h('code', null, said.code)))
    return
  }
  const fine = keep({ ...made, id: said.grant })
  await fresh()
  fill(byId('grant-status'), fine ? h('div', { class: 'note good' }, 'Granted. Tell it to comment below.')
    : h('div', { class: 'note warn' }, 'Granted. This browser keeps nothing, so the secret that revokes the grant goes with this page: revoke it before you leave, or it ends by its time.'))
  show()
})

/** @param {Kept} g */
function card(g) {
  const status = h('div', { role: 'status' })
  const tell = h('button', { type: 'button', class: 'primary' }, 'Tell it to comment')
  const revoke = h('button', { type: 'button', class: 'danger' }, 'Revoke')
  const word = h('p', { class: 'small muted budget' })
  const meter = h('meter', { min: 0, max: g.budget, 'aria-label': `${g.name}: comments used` })
  const ended = g.expires * 1000 < Date.now(), over = g.revoked || ended
  const draw = () => {
    word.textContent = g.revoked ? 'Revoked.' : ended ? `Ended ${when(g.expires)}.` : `${g.used} of ${g.budget} used; ${g.left} left today. Ends ${when(g.expires)}.`
    meter.value = g.used
    revoke.hidden = over
  }
  draw()
  const el = h('article', { class: 'card stack grant', 'data-revoked': g.revoked },
    h('div', { class: 'row between' }, h('h3', null, g.name), h('span', { class: over ? 'badge bad' : 'badge good' }, icon(over ? 'no' : 'key'), g.revoked ? 'revoked' : ended ? 'ended' : 'may comment')),
    h('div', { class: 'bars' }, meter), word, h('div', { class: 'row' }, tell, revoke), status)
  tell.addEventListener('click', async () => {
    tell.disabled = true
    const told = await send('/api/agent/tell', { grant: g.id, name: g.name })
    tell.disabled = false
    const answer = told.answer ?? { code: told.code }
    if (told.status === 200 && told.answer?.code === 'ok') {
      g.used++
      g.left = answer.left
      keep(g)
      draw()
    }
    fill(status, h('div', { class: answer.code === 'ok' ? 'note good' : 'note bad' }, answer.code === 'ok' ? 'It commented under the newest post. ' : explain(answer.code) + ' ', answer.code === 'ok' ? h('a', { href: '/' }, 'See it on the board') : h('code', null, answer.code)),
      told.sent ? h('details', null, h('summary', { class: 'small' }, 'The request it signed'), h('pre', { tabindex: 0 }, Object.entries(told.sent).map(([k, v]) => k === 'body' ? `\n${v}` : `${k}: ${v}`).sort((a, b) => (a[0] === '\n' ? 1 : 0) - (b[0] === '\n' ? 1 : 0)).join('\n'))) : null)
  })
  revoke.addEventListener('click', async () => {
    const said = await send('/agents/revoke', { secret: g.secret })
    if (said.status !== 200) {
      fill(status, h('div', { class: 'note bad' }, explain(said.code)))
      return
    }
    g.revoked = true
    keep(g)
    show()
  })
  return el
}

function show() {
  const grants = all().reverse() // the newest first
  fill(byId('grants'), grants.length ? grants.map(card) : h('p', { class: 'muted' }, 'None yet.'))
}

show()
