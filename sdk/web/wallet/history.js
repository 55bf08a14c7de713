// What was proven where, for the person alone: a list, a file, an eraser.

import { fill, h } from '../dom.js'
import { download } from './keep.js'
import { sentence, t, when } from './texts.js'

/** How many entries are shown; the file has all. */
const most = 200

/** @param {import('./holder.js').Holder} holder */
export function history(holder) {
  const body = h('div', { class: 'stack' })
  const el = h('details', { class: 'card' }, h('summary', null, t('history')), body)

  const show = async () => {
    const { books } = holder
    if (!books) return
    const acts = await books.history()
    if (acts.length === 0) {
      fill(body, h('p', { class: 'muted' }, t('history_empty')))
      return
    }
    const ask = h('div', { class: 'row' })
    const erase = h('button', { type: 'button', class: 'danger' }, t('erase_history'))
    const save = h('button', { type: 'button' }, t('save_history'))
    save.addEventListener('click', () => download('perhuman-history.json', JSON.stringify(acts, null, 1) + '\n'))
    erase.addEventListener('click', () => {
      const yes = h('button', { type: 'button', class: 'danger' }, t('erase_yes'))
      yes.addEventListener('click', () => books.erase().then(show).catch((err) => fill(body, h('div', { class: 'note bad' }, sentence(err)))))
      fill(ask, h('span', null, t('erase_history_sure', { n: acts.length })), yes, h('button', { type: 'button', onclick: () => fill(ask) }, t('cancel')))
      yes.focus()
    })
    fill(body, h('p', { class: 'muted small' }, t('history_text')),
      h('ol', { class: 'plain history', tabindex: 0, 'aria-label': t('history') }, acts.slice(0, most).map((act) => h('li', null,
        h('b', null, act.rp), h('time', { datetime: new Date(act.at * 1000).toISOString(), class: 'muted small' }, when(act.at)),
        h('span', { class: 'muted small' }, t('history_row', { action: act.action, issuer: act.issuer }))))),
      h('div', { class: 'row' }, save, erase), ask)
  }
  el.addEventListener('toggle', () => { if (el.open) show().catch((err) => fill(body, h('div', { class: 'note bad' }, sentence(err)))) })
  return el
}
