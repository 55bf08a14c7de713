// How old the wallet's copy of a public set is, and what that means, in words.

import { ago, h } from '../dom.js'
import { longest } from './limits.js'
import { t, when } from './texts.js'

/** @typedef {import('./holder.js').Holder} Holder */

/** At least a minute ago: "now" fits in no sentence. */
const read = (/** @type {number} */ issued) => ago(Math.min(issued, Date.now() / 1000 - 60), Date.now())

/** One quiet line. @param {Holder} holder @param {import('./holder.js').Choice} ask */
export function setAge(holder, ask) {
  const issued = holder.vouching(ask).map(({ vkey }) => holder.memberships.get(vkey)?.issued ?? 0)
  return h('p', { class: 'muted small set-age' }, t('set_age', { when: read(Math.min(...issued)) }))
}

/** There is no way to the issuer: what the wallet works with, and how long that will do. @param {Holder} holder @param {import('./holder.js').Issuer} issuer */
export function offlineNote(holder, issuer) {
  const issued = holder.memberships.get(issuer.vkey)?.issued ?? 0, until = issued + longest
  return h('div', { class: 'note', id: 'offline' }, h('b', null, t('offline')), ' ', t('offline_text', { when: read(issued) }), ' ',
    until * 1000 > Date.now() ? t('offline_until', { until: when(until) }) : t('offline_over'))
}

/** Why an answer has to wait until the set is read, and what reading it now tells. @param {Holder} holder @param {import('./holder.js').Ask} ask */
export function setUnread(holder, ask) {
  const old = holder.vouching(ask).map(({ vkey }) => holder.memberships.get(vkey)?.issued).find((issued) => issued !== undefined)
  return h('div', { class: 'note', id: 'set-unread' },
    h('b', null, ask.snapshot ? t('unread_frozen', { n: ask.snapshot }) : old ? t('unread_old', { when: read(old) }) : t('unread_none')), ' ', t('unread_why'),
    navigator.onLine ? null : [' ', h('b', null, t('offline'))])
}
