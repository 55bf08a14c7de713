// What to say when this browser's storage has been cleared: with the wallet
// closed, a trace may be left that there was one; with it open, the window still
// has what the storage lost.

import { fill, h, icon } from '../dom.js'
import * as custody from './custody.js'
import { press } from './setup.js'
import { t } from './texts.js'

const trace = 'perhuman-wallet-made'

/** Leaves a trace that there is a wallet here; it says nothing else. */
export function remember() {
  try {
    localStorage.setItem(trace, '1')
  } catch {} // storage is off: then nothing is missed later
}

/** Takes the trace away: the wallet was erased on purpose. */
export function forget() {
  try {
    localStorage.removeItem(trace)
  } catch {} // as above
}

function remembered() {
  try {
    return localStorage.getItem(trace) !== null
  } catch {
    return false
  }
}

/** What was lost and what brings it back. */
const facts = () => h('ul', { class: 'facts' },
  h('li', { 'data-state': 'good' }, icon('print'), h('b', null, t('lost_words')), h('span', null, t('lost_words_text'))),
  h('li', { 'data-state': 'good' }, icon('lock'), h('b', null, t('lost_file')), h('span', null, t('lost_file_text'))),
  h('li', { 'data-state': 'warn' }, icon('open'), h('b', null, t('lost_nothing')), h('span', null, t('lost_nothing_text'))))

/** For a page that finds no wallet: loud if there was one, quiet if nobody can know. */
export function lostBefore() {
  const loud = remembered()
  return {
    loud,
    el: loud
      ? h('section', { class: 'card stack', id: 'lost', role: 'alert' }, h('h2', null, t('lost_title')), h('p', null, t('lost_text')), facts())
      : h('details', { class: 'card', id: 'lost' }, h('summary', null, t('lost_ask')), h('div', { class: 'stack' }, h('p', { class: 'muted' }, t('lost_ask_text')), facts())),
  }
}

/**
 * Notices that the storage was cleared under an open window.
 * @param {import('./holder.js').Holder} holder @param {HTMLElement} place where to say so
 */
export function watchLoss(holder, place) {
  const look = async () => {
    if (!holder.vault || place.childElementCount || await custody.load().catch(() => holder.vault)) return
    const status = h('div', { role: 'status' })
    const keep = h('button', { type: 'button', class: 'primary' }, t('lost_keep'))
    keep.addEventListener('click', () => press(keep, status, t('sealing'), async () => {
      if (holder.vault) await custody.save(holder.vault)
      remember()
      fill(place)
    }).catch(() => {}))
    fill(place, h('section', { class: 'card stack', role: 'alert' }, h('h2', null, t('lost_title')), h('p', null, t('lost_open')), h('div', { class: 'row' }, keep), status))
  }
  for (const type of ['focus', 'pageshow']) addEventListener(type, look)
  document.addEventListener('visibilitychange', look)
  holder.addEventListener('change', look)
}
