// Under a post: what people and their agents said, and a box for one's own,
// ten a day for each human.

import { ago, fill, h } from '/perhuman/dom.js'
import { explain } from '/perhuman/codes.js'
import { send } from './common.js'

/**
 * @typedef {import('./board.js').Session} Session
 * @typedef {{id: number, author: string, text: string, created: number, agent?: string}} Comment
 */

/** @param {Comment} c */
const said = (c) => h('li', { class: 'comment' },
  h('p', null, h('b', null, c.author), ' ', c.agent ? h('span', { class: 'badge synthetic' }, 'an agent, for one human') : null, ' ', h('span', { class: 'when' }, ago(c.created, Date.now()))),
  h('p', { class: 'said' }, c.text))

/** @param {Session} session @param {{id: number, comments?: Comment[], earlier?: number}} post @param {() => void} reload */
export function talk(session, post, reload) {
  const list = post.comments ?? []
  const open = h('details', { class: 'talk' }, h('summary', { class: 'small' }, 'Comment'))
  open.addEventListener('toggle', () => { if (open.open && open.children.length === 1) open.append(box(session, post.id, reload)) })
  return h('div', { class: 'stack tight under' }, post.earlier ? h('p', { class: 'muted small' }, `${post.earlier} earlier ${post.earlier === 1 ? 'comment is' : 'comments are'} not shown.`) : null,
    list.length ? h('ul', { class: 'plain stack tight' }, list.map(said)) : null, open)
}

/** @param {Session} session @param {number} post @param {() => void} reload */
function box(session, post, reload) {
  const text = h('textarea', { rows: 2, maxlength: 500, required: true, id: `comment-${post}` })
  const status = h('div', { role: 'status' })
  const check = /** @type {import('/perhuman/perhuman.js').PerhumanCheck} */ (document.createElement('perhuman-check'))
  for (const [k, v] of Object.entries({ action: 'comment', label: 'Comment as one human', wallet: session.wallet, app: session.rp, handover: '' })) check.setAttribute(k, v)
  let body = { post, author: session.handle, text: '', created: 0 }
  check.content = () => {
    body = { post, author: session.handle, text: text.value.trim().normalize('NFC'), created: Math.floor(Date.now() / 1000) }
    return { kind: 'post', author: body.author, created: body.created, text: `To post ${post}: ${body.text}` }
  }
  check.addEventListener('click', (event) => {
    const size = new TextEncoder().encode(text.value.trim().normalize('NFC')).length
    text.setCustomValidity(size === 0 ? 'A comment needs words.' : size > 500 ? 'That is too long for a comment.' : '')
    if (text.validity.valid) return
    event.stopPropagation()
    text.reportValidity()
  }, { capture: true })
  text.addEventListener('input', () => {
    text.setCustomValidity('')
    if (check.getResponse()) check.reset()
  })
  check.addEventListener('perhuman-verified', async (event) => {
    const answer = await send('/comments', body, /** @type {CustomEvent<{response: string}>} */ (event).detail.response)
    check.reset()
    if (answer.status === 201) {
      text.value = ''
      reload()
    } else fill(status, h('div', { class: 'note bad' }, explain(answer.code), ' ', h('code', null, answer.code)))
  })
  return h('form', { class: 'stack tight', onsubmit: (/** @type {Event} */ e) => e.preventDefault() },
    h('label', { for: `comment-${post}`, class: 'small' }, 'Your comment'), text,
    h('div', { class: 'row between' }, h('p', { class: 'muted small' }, 'Ten a day for each human, under all posts together.'), check), status)
}
