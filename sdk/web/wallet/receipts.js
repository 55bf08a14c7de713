// The receipts that an issuer signed for this person: listed, checked in this
// page by the same code as on the command line, saved as a file that anybody
// can check with the issuer's key.

import { fill, h, icon } from '../dom.js'
import { download } from './keep.js'
import { sentence, t, when } from './texts.js'

/** @typedef {import('./life.js').Receipt} Receipt */

/** @param {import('./holder.js').Issuer} issuer @param {Receipt[]} list */
function save(issuer, list) {
  const file = { perhuman: 'receipts', version: 1, receipts: list.map((r) => ({ issuer: issuer.vkey, ...r })) }
  download(list.length === 1 ? `perhuman-receipt-${list[0].kind}.json` : 'perhuman-receipts.json', JSON.stringify(file, null, 1) + '\n')
}

/** @param {import('./holder.js').Holder} holder @param {import('./holder.js').Issuer} issuer */
export function receipts(holder, issuer) {
  const el = h('section', { class: 'stack tight' })
  let shown = ''
  const update = () => {
    const list = holder.life(issuer).receipts
    const state = JSON.stringify(list)
    if (state === shown) return
    shown = state
    if (list.length === 0) {
      fill(el)
      return
    }
    const all = h('button', { type: 'button', hidden: list.length < 2, onclick: () => save(issuer, list) }, t('receipts_save'))
    fill(el, h('h2', { class: 'sub' }, t('receipts')), h('p', { class: 'muted small' }, t('receipts_text')),
      h('ul', { class: 'plain receipts' }, [...list].sort((a, b) => b.at - a.at).map((r) => row(holder, issuer, r))), h('div', null, all))
  }
  update()
  return { el, update }
}

/** @type {Record<import('./life.js').Kind, import('./texts.js').Key>} */
const names = { enrolment: 'receipt_enrolment', recovery: 'receipt_recovery', veto: 'receipt_veto', deletion: 'receipt_deletion', tombstone: 'receipt_tombstone' }

/**
 * Reads a receipt under the key that signed it: the one it was written down with, or another that the issuer has had.
 * @param {import('./holder.js').Holder} holder @param {import('./holder.js').Issuer} issuer @param {Receipt} r
 */
async function read(holder, { vkey, ...issuer }, r) {
  const engine = await holder.engine()
  const keys = [r.issuer ?? vkey, vkey, ...holder.life({ vkey, ...issuer }).receipts.map((x) => x.issuer ?? vkey)]
  let failed
  for (const key of new Set(keys)) {
    try {
      return await engine.receipt({ issuer: key, receipt: r.receipt, proof: r.proof })
    } catch (err) {
      failed ??= err
    }
  }
  throw failed
}

/** @param {import('./holder.js').Holder} holder @param {import('./holder.js').Issuer} issuer @param {Receipt} r */
function row(holder, issuer, r) {
  const said = h('div', { role: 'status', class: 'stack tight' })
  const name = t(names[r.kind])
  const check = h('button', { type: 'button', 'aria-label': `${t('receipt_check')}: ${name}` }, t('receipt_check'))
  const keep = h('button', { type: 'button', 'aria-label': `${t('receipt_save')}: ${name}`, onclick: () => save(issuer, [r]) }, t('receipt_save'))
  check.addEventListener('click', async () => {
    check.disabled = true
    try {
      const [found, mine] = [await read(holder, issuer, r), (await holder.identity()).commitment]
      /** @type {['good' | 'warn' | 'bad', string][]} */
      const lines = [
        ['good', t('receipt_signed', { issuer: found.issuer, when: when(found.at) })],
        found.commitment === mine ? ['good', t('receipt_yours')] : ['warn', t('receipt_other')],
        found.entry ? ['good', t('receipt_logged', { n: found.entry.record })] : ['warn', t(r.kind === 'veto' ? 'receipt_no_entry' : 'receipt_not_yet')],
      ]
      fill(said, h('ul', { class: 'facts' }, lines.map(([state, text]) => h('li', { 'data-state': state }, icon(state === 'good' ? 'yes' : 'open'), h('b', null, text)))),
        h('pre', { tabindex: 0, 'aria-label': t('receipt_lines') }, found.text))
    } catch (err) {
      fill(said, h('div', { class: 'note bad' }, sentence(err)))
    } finally {
      check.disabled = false
    }
  })
  return h('li', { class: 'stack tight', 'data-kind': r.kind }, h('div', { class: 'row between' },
    h('div', null, h('b', null, name), ' ', h('time', { datetime: new Date(r.at * 1000).toISOString(), class: 'muted small' }, when(r.at))),
    h('div', { class: 'row' }, check, keep)), said)
}
