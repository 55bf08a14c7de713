// The consent screen, piece by piece: who asks for what, what they learn and
// what not, how much is left, and why there may be no proof.

import { h, icon } from '../dom.js'
import { contentView, learnsContent } from './consent.js'
import { periodWord, policySentence, sentence, t } from './texts.js'

/**
 * @typedef {import('./question.js').Request} Request
 * @typedef {import('./consent.js').Read} Read
 */

/** What stands in the way, and what the wallet does about it. @param {unknown} err @param {boolean} final */
export const hindrance = (err, final) => h('div', { class: 'note bad stack tight refusal' }, h('h2', null, t(final ? 'no_proof' : 'no_proof_now')), h('p', null, sentence(err)))

/** @param {Request} r @param {import('./holder.js').Issuer[]} accepted @param {Read | undefined} read @returns {Node} */
export function whatIsAsked(r, accepted, read) {
  return h('div', { class: 'stack' },
    h('dl', { class: 'pairs' },
      h('dt', null, t('for_what')), h('dd', null, r.action),
      h('dt', null, t('how_often')), h('dd', null, policySentence(r)),
      r.issuers || accepted.length > 1 ? [h('dt', null, t(r.all ? 'vouched_all' : 'vouched')), h('dd', { id: 'vouched' }, accepted.map((i) => i.name).join(', '))] : null),
    r.snapshot ? h('p', { class: 'note' }, t('frozen_set', { n: r.snapshot })) : null,
    contentView(r, read))
}

/** @param {Request} r @param {number} crowd members among whom the person cannot be told apart @param {Read | undefined} read */
export function whatIsShared(r, crowd, read) {
  const learns = r.kind === 'per_epoch' ? t('learns_text', { n: crowd, when: periodWord(r.len) }) : t(r.kind === 'once' ? 'learns_once' : 'learns_returning', { n: crowd })
  return h('ul', { class: 'facts' },
    h('li', { 'data-state': 'good' }, icon('yes'), h('b', null, t('learns')), h('span', null, learns, ' ', learnsContent(r, read))),
    h('li', null, icon('no'), h('b', null, t('not_learns')), h('span', null, r.kind === 'per_epoch' ? t('not_learns_slots') : t('not_learns_text'))),
    h('li', null, icon('lock'), h('b', null, t('also_unknown')), h('span', null, t('also_unknown_text'))))
}

/** What is left, as dots and in words. @param {number} left @param {Request} r */
export function meter(left, r) {
  const dots = r.k <= 20 ? h('span', { class: 'dots', 'aria-hidden': 'true' }, Array.from({ length: r.k }, (_, i) => h('i', { class: i < left ? 'left' : '' }))) : null
  return h('p', { class: 'row meter' }, dots, h('span', null, t('left', { n: left, k: r.k, when: periodWord(r.len) }), r.len % 86400 === 0 && r.len ? h('span', { class: 'muted' }, t('utc')) : null))
}
