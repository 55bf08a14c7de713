// What the wallet says of an issuer that it does not follow any more: one that
// has signed two histories, or that speaks under a key which the one before does
// not vouch for. Of the second the person may know from elsewhere that all is
// well, and goes on; of the first nobody can.

import { h } from '../dom.js'
import { download } from './keep.js'
import { press } from './setup.js'
import { t } from './texts.js'

/**
 * @param {import('./holder.js').Holder} holder @param {import('./holder.js').Issuer} issuer
 * @param {() => Promise<void>} again reads log and issuer once more
 * @returns {[string, ...import('../dom.js').Children[]]} a headline, and what stands under it
 */
export function broken(holder, issuer, again) {
  const { code, evidence, signer } = holder.broken.get(issuer.vkey) ?? { code: '' }
  if (code === 'fork_detected') {
    const save = () => download('perhuman-fork.txt', evidence ?? '')
    return [t('forked_title'), h('p', null, t('forked_text')),
      evidence ? h('div', { class: 'stack tight' }, h('div', { class: 'row' }, h('button', { type: 'button', onclick: save }, t('forked_save'))),
        h('p', { class: 'muted small' }, t('forked_check')), h('pre', { tabindex: 0 }, `perhuman audit -issuer ${signer} -fork perhuman-fork.txt`)) : null]
  }
  const status = h('div', { role: 'status' })
  const sure = h('input', { type: 'checkbox', id: 'key-sure' })
  const go = h('button', { type: 'button', class: 'danger', disabled: true }, t('unvouched_go'))
  sure.addEventListener('change', () => { go.disabled = !sure.checked })
  go.addEventListener('click', () => press(go, status, t('reading_log'), async () => {
    await holder.renew(issuer)
    await again()
  }).catch(() => {}))
  return [t('unvouched_title'), h('p', null, t('unvouched_text')), h('p', null, t('unvouched_ask')), h('pre', { tabindex: 0, class: 'key' }, issuer.vkey),
    h('label', { class: 'choice', for: 'key-sure' }, sure, t('unvouched_sure')), h('div', { class: 'row' }, go), status]
}
