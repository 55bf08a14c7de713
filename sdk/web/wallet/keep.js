// The ways to keep the secret outside this browser, each in a dialog: words on
// paper, a file under a passphrase, another device.

import { fill, h, icon } from '../dom.js'
import { qr } from '../qr.js'
import { passphraseForm, press } from './setup.js'
import { sentence, t } from './texts.js'

/** @typedef {import('./holder.js').Holder} Holder */

/** @param {Holder} holder @returns {{el: HTMLElement, update: () => void}} */
export function backup(holder) {
  const el = h('div', { class: 'card stack' })
  const status = h('div', { role: 'status' })
  const button = (/** @type {string} */ label, /** @type {keyof typeof import('../dom.js').paths} */ name, /** @type {(holder: Holder) => Promise<void>} */ open) => {
    const b = h('button', { type: 'button' }, icon(name), label)
    b.addEventListener('click', () => press(b, status, t('reading'), () => open(holder)).catch(() => {}))
    return b
  }
  const update = () => {
    const done = holder.vault?.backedUp
    fill(el, h('div', { class: 'row between' }, h('h2', null, t('backup')), h('span', { class: done ? 'badge good' : 'badge warn' }, done ? t('backed_up') : t('backup_not_yet'))),
      h('p', { class: 'muted' }, t('backup_text')),
      h('div', { class: 'row' }, button(t('on_paper'), 'print', paper), button(t('as_file'), 'lock', file), button(t('other_device'), 'out', device)), status)
  }
  update()
  return { el, update }
}

/**
 * A dialog that goes when it is closed, and when the wallet locks.
 * @param {Holder} holder @param {string} title @param {...import('../dom.js').Children} children
 */
export function dialogOf(holder, title, ...children) {
  const dialog = h('dialog', { class: 'stack backup', 'aria-labelledby': 'dialog-title' }, h('h2', { id: 'dialog-title', tabindex: -1 }, title), ...children)
  const follow = () => { if (holder.locked) dialog.close() }
  holder.addEventListener('change', follow)
  dialog.addEventListener('close', () => {
    holder.removeEventListener('change', follow)
    dialog.remove()
  })
  document.body.append(dialog)
  dialog.showModal()
  return dialog
}

/** @param {Holder} holder */
async function paper(holder) {
  const p = await holder.paper()
  const dialog = dialogOf(holder, t('paper_title'),
    h('p', { class: 'muted' }, t('paper_warning')),
    p.words
      ? [h('h3', null, t('paper_words')), h('ol', { class: 'words', tabindex: 0, 'aria-label': t('paper_words') }, p.words.map((w) => h('li', null, w))),
        h('p', { class: 'muted small' }, t('paper_words_hint')),
        h('div', { class: 'paper-code' }, qr(p.code, t('paper_qr')), h('div', { class: 'stack tight' }, h('h3', null, t('paper_code')), h('pre', { class: 'code', tabindex: 0 }, p.code)))]
      : [h('p', { class: 'note warn' }, t('long_form')), h('pre', { class: 'code', tabindex: 0 }, p.long)],
    h('p', { class: 'print-only' }, t('paper_how', { host: location.host })),
    h('div', { class: 'row end' },
      h('button', { type: 'button', onclick: () => dialog.close() }, t('close')),
      h('button', { type: 'button', onclick: () => window.print() }, icon('print'), t('print')),
      h('button', {
        type: 'button', class: 'primary', onclick: async () => {
          await holder.backedUp()
          dialog.close()
        },
      }, t('have_paper'))))
  byTitle(dialog)
}

/** The title takes the focus, or a long dialog would open at its end. @param {HTMLDialogElement} dialog */
function byTitle(dialog) {
  /** @type {HTMLElement} */ (dialog.querySelector('h2')).focus()
}

/** Hands a text to the browser's downloads. @param {string} name @param {string} text */
export function download(name, text) {
  const url = URL.createObjectURL(new Blob([text], { type: name.endsWith('.json') ? 'application/json' : 'text/plain' }))
  h('a', { href: url, download: name }).click()
  setTimeout(() => URL.revokeObjectURL(url), 10_000)
}

const today = () => new Date().toISOString().slice(0, 10)

/** @param {Holder} holder */
async function file(holder) {
  const done = h('div', { role: 'status' })
  const dialog = dialogOf(holder, t('file_title'), h('p', { class: 'muted' }, t('file_text')),
    passphraseForm(t('save_file'), async (passphrase) => {
      fill(done, h('span', { class: 'muted' }, t('sealing')))
      const name = `perhuman-wallet-${today()}.json`
      try {
        download(name, await holder.file(passphrase))
      } catch (err) {
        fill(done)
        throw err
      }
      await holder.backedUp()
      fill(done, h('div', { class: 'note good' }, t('saved_as', { name })))
    }), done, h('div', { class: 'row end' }, h('button', { type: 'button', onclick: () => dialog.close() }, t('close'))))
}

/** @param {Holder} holder */
async function device(holder) {
  const { key, address } = await holder.passage()
  const dialog = dialogOf(holder, t('device_title'), h('p', { class: 'muted' }, t('device_text')),
    qr(address, t('device_qr')),
    h('h3', null, t('device_words')), h('p', { class: 'code passage', tabindex: 0 }, key.join(' ')),
    h('details', null, h('summary', null, t('device_link')), h('pre', { class: 'address', tabindex: 0 }, address)),
    h('p', { class: 'note' }, t('device_one')),
    h('div', { class: 'row end' }, h('button', { type: 'button', class: 'primary', onclick: () => dialog.close() }, t('close'))))
  byTitle(dialog)
  const over = setTimeout(() => dialog.close(), 600_000)
  dialog.addEventListener('close', () => clearTimeout(over))
}

/** The official export of the identity. @param {Holder} holder */
export function identity(holder) {
  const shown = h('div', { class: 'stack', role: 'status' })
  const commitment = h('pre', { tabindex: 0 })
  const button = h('button', { type: 'button' }, t('identity_show'))
  button.addEventListener('click', () => press(button, shown, t('reading'), async () => {
    const text = await holder.exported()
    setTimeout(() => { if (!holder.locked) fill(shown, h('pre', { tabindex: 0, class: 'exported' }, text)) })
  }).catch(() => {}))
  const el = h('details', null, h('summary', null, t('identity')),
    h('div', { class: 'stack' }, h('p', { class: 'muted small' }, t('identity_text')), commitment, h('div', null, button), shown))
  el.addEventListener('toggle', () => {
    if (el.open) holder.identity().then((id) => { commitment.textContent = id.commitment }, (err) => { commitment.textContent = sentence(err) })
    else fill(shown)
  })
  return el
}
