// The board: read posts, write one with a proof, re-check any of them.

import '/perhuman/handover.js' // before the widgets, which then draw their second button with the first
import '/perhuman/perhuman.js'
import { ago, byId, fill, h, icon } from '/perhuman/dom.js'
import { explain } from '/perhuman/codes.js'
import { begin, every, read, when } from './common.js'
import { extras } from './extras.js'
import { showProof } from './panel.js'
import { talk } from './talk.js'

/**
 * @typedef {{id: number, author: string, text: string, created: number, verified: boolean, seed: boolean, comments?: import('./talk.js').Comment[], earlier?: number}} Post
 * @typedef {{handle: string, rp: string, wallet: string, issuer: {vkey: string, at: string}, rp_keys: string[], policy: {kind: string, len: number, k: number}}} Session
 */

const list = byId('posts')
const status = byId('compose-status')
const text = /** @type {HTMLTextAreaElement} */ (byId('text'))
const check = /** @type {import('/perhuman/perhuman.js').PerhumanCheck} */ (byId('check'))

/** What the check said of a post as it was shown. @type {Map<string, boolean>} */
const judged = new Map()

/** A badge is what the board says, until the reader has it checked: then it is what came out. @param {Session} session @param {Post} post */
function badgeOf(session, post) {
  if (!post.verified) return h('span', { class: 'badge' }, icon('open'), 'unknown author')
  const key = JSON.stringify([post.id, post.author, post.text, post.created])
  const badge = h('button', { type: 'button', class: 'badge good', title: 'Check the proof in this page' })
  const draw = () => {
    const bad = judged.get(key) === false
    badge.className = bad ? 'badge bad' : 'badge good'
    fill(badge, icon(bad ? 'no' : 'seal'), bad ? 'does not check out' : 'verified human')
  }
  draw()
  badge.addEventListener('click', () => showProof(session, post, (good) => {
    judged.set(key, good)
    draw()
  }))
  return badge
}

/** @param {Session} session @param {Post} post @param {boolean} fresh */
function article(session, post, fresh) {
  const badge = badgeOf(session, post)
  return h('article', { class: ['post', post.verified ? '' : 'plain', fresh ? 'new' : ''].join(' ').trim(), id: `post-${post.id}`, 'data-id': post.id },
    h('header', null, h('span', { class: 'who' }, post.author),
      h('a', { class: 'when', href: `#post-${post.id}` }, h('time', { datetime: new Date(post.created * 1000).toISOString(), title: when(post.created) }, ago(post.created, Date.now()))),
      post.seed ? h('span', { class: 'badge synthetic' }, 'made up for the demo') : null, badge),
    h('p', { class: 'said' }, post.text),
    talk(session, post, () => show(session).catch(() => {})))
}

let shown = ''

/** @param {Session} session @param {number} [fresh] */
async function show(session, fresh) {
  const { posts, older } = /** @type {{posts: Post[], older: number}} */ (await read('/api/posts' + location.search))
  const next = byId('older')
  next.hidden = !older
  next.setAttribute('href', `/?before=${older}`)
  const now = JSON.stringify(posts)
  if (now === shown) return // leave the reader's focus and selection alone
  shown = now
  fill(list, posts.length ? posts.map((p) => article(session, p, p.id === fresh)) : h('p', { class: 'muted' }, 'Nothing here yet.'))
}

/** @param {Session} session */
function compose(session) {
  byId('handle').textContent = session.handle
  check.setAttribute('wallet', session.wallet)
  check.setAttribute('app', session.rp)
  /** @type {{author: string, text: string, created: number} | undefined} what the running proof is for */
  let draft
  check.content = () => {
    draft = { author: session.handle, text: text.value.trim().normalize('NFC'), created: Math.floor(Date.now() / 1000) }
    return { kind: 'post', ...draft }
  }
  // Before the wallet opens: an empty post is not worth a proof.
  check.addEventListener('click', (event) => {
    const size = new TextEncoder().encode(text.value.trim().normalize('NFC')).length
    text.setCustomValidity(size === 0 ? 'A post needs words.' : size > 2000 ? 'That is too long for this board.' : '')
    if (text.validity.valid) return
    event.stopPropagation()
    text.reportValidity()
    text.focus()
  }, { capture: true })
  text.addEventListener('input', () => text.setCustomValidity(''))
  text.addEventListener('input', () => { if (check.getResponse()) check.reset() })
  check.addEventListener('perhuman-error', () => fill(status))
  /** @param {string} response @param {boolean} [again] the same request, because no answer came to the first */
  const send = async (response, again) => {
    fill(status, h('span', { class: 'muted' }, 'Posting …'))
    let answer
    try {
      answer = await fetch('/posts', { method: 'POST', headers: { 'Content-Type': 'application/json', 'Perhuman-Response': response }, body: JSON.stringify(draft) })
    } catch {
      // The proof stays good: the same one again is the one safe way to go on.
      fill(status, h('div', { class: 'note bad' }, 'The board did not answer. Nothing is lost, the proof can be sent again.'),
        h('p', null, h('button', { type: 'button', onclick: () => send(response, true) }, 'Send again')))
      return
    }
    const said = await answer.json().catch(() => ({}))
    check.reset()
    if (again && said.code === 'challenge_already_used') { // the first had arrived after all
      text.value = ''
      await show(session)
      fill(status, h('div', { class: 'note good' }, 'It had been posted the first time. Anyone can check the badge on it.'))
      return
    }
    if (answer.status !== 201) {
      fill(status, h('div', { class: 'note bad' }, explain(said.code ?? 'internal_error'), ' ', h('code', null, said.code ?? answer.status)))
      return
    }
    text.value = ''
    if (location.search) { // it stands on the first page
      location.href = `/#post-${said.id}`
      return
    }
    await show(session, said.id)
    fill(status, h('div', { class: 'note good' }, 'Posted. Anyone can check the badge on it.'))
  }
  check.addEventListener('perhuman-verified', (event) => send(/** @type {CustomEvent<{response: string}>} */ (event).detail.response))
}

const session = /** @type {Session} */ (await begin('/api/session'))
byId('become').setAttribute('href', session.wallet)
compose(session)
extras(session)
await show(session).catch(() => {}) // the page as it came can be read
if (location.hash.startsWith('#post-')) location.replace(location.hash) // the post that a link meant was drawn anew
every(15, async () => { if (!document.querySelector('dialog[open], details.talk[open]')) await show(session) })
