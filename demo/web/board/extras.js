// Beside the feed: a voucher that each human can claim once, and a sign-in
// without an account.

import { byId, fill, h } from '/perhuman/dom.js'
import { explain } from '/perhuman/codes.js'
import { rawContent } from '/perhuman/ask.js'
import { send } from './common.js'

/** @param {string} id @param {import('./board.js').Session} session @param {string} path @param {(said: any) => (string | Node)[]} good */
function once(id, session, path, good) {
  const check = /** @type {import('/perhuman/perhuman.js').PerhumanCheck} */ (byId(id))
  check.setAttribute('wallet', session.wallet)
  check.setAttribute('app', session.rp)
  check.content = rawContent('{}')
  check.addEventListener('perhuman-verified', async (event) => {
    const said = await send(path, '{}', /** @type {CustomEvent<{response: string}>} */ (event).detail.response)
    check.reset()
    fill(byId(id + '-status'), said.status === 200
      ? h('div', { class: 'note good' }, ...good(said))
      : h('div', { class: 'note bad' }, said.code === 'nullifier_already_used' ? 'You have had yours. One for each human, for ever.' : explain(said.code), ' ', h('code', null, said.code)))
  })
}

/** @param {import('./board.js').Session} session */
export function extras(session) {
  once('claim', session, '/claim', (said) => ['Yours: ', h('b', { class: 'mono' }, said.voucher)])
  once('hello', session, '/sign-in', (said) => [
    said.returning ? 'Welcome back, ' : 'Welcome, ', h('b', null, nameOf(said.pseudonym)), '. ',
    h('span', { class: 'small' }, said.returning ? 'The same human as before; nothing else is known.' : 'Come back in another browser, with the same wallet, and this name is yours again.')])
}

/** A name that is easier to remember than a number, the same for the same human. @param {string} pseudonym */
function nameOf(pseudonym) {
  const first = ['Amber', 'Birch', 'Cedar', 'Dune', 'Ember', 'Fern', 'Grove', 'Hazel', 'Iris', 'Juniper', 'Kelp', 'Lark', 'Moss', 'Nettle', 'Otter', 'Pine']
  const last = ['Finch', 'Heron', 'Wren', 'Swift', 'Crane', 'Plover', 'Robin', 'Tern', 'Martin', 'Dove', 'Falcon', 'Curlew', 'Siskin', 'Snipe', 'Raven', 'Owl']
  const n = BigInt(pseudonym)
  return `${first[Number(n & 15n)]} ${last[Number((n >> 4n) & 15n)]} ${(n >> 8n) % 1000n}`
}
