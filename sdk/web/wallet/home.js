// The view of an open wallet: is this person in the set of each issuer, is the
// secret backed up, what was proven, how does it open, and how to erase it.

import { crowd, fill, h, icon } from '../dom.js'
import * as custody from './custody.js'
import { enrol, untilMember } from './enrol.js'
import { history } from './history.js'
import { backup, identity } from './keep.js'
import { passphraseForm, press } from './setup.js'
import { codeOf, sentence, t } from './texts.js'

/** @typedef {import('./holder.js').Holder} Holder */

/** @param {Holder} holder @returns {{el: HTMLElement, update: () => void}} */
export function home(holder) {
  const parts = [...holder.issuers.map((issuer, i) => membership(holder, issuer, i === 0)), backup(holder)]
  const el = h('section', { class: 'stack loose' }, ...parts.map((p) => p.el), history(holder), ways(holder), erase(holder))
  return { el, update: () => parts.forEach((p) => p.update()) }
}

/** @param {Holder} holder @param {import('./holder.js').Issuer} issuer @param {boolean} first gets the title of the page */
function membership(holder, issuer, first) {
  const title = first ? 'h1' : 'h2'
  const el = h('div', { class: 'card status' })
  const host = new URL(issuer.at).host
  const picture = h('div', { class: 'picture' })
  const text = h('div', { class: 'stack' })
  const status = h('div', { role: 'status', class: 'stack' })
  let busy = false
  el.append(picture, h('div', { class: 'stack' }, text, status))

  const check = async () => {
    if (busy) return
    busy = true
    fill(status, h('span', { class: 'muted' }, t('reading_log')))
    try {
      if (holder.enrolments.has(issuer.vkey)) await untilMember(holder, issuer, 60_000)
      else await holder.sync(issuer)
      fill(status)
    } catch (err) {
      if (!holder.locked) fill(status, h('div', { class: 'note bad' }, sentence(err)), h('button', { type: 'button', onclick: check }, t('try_again')))
    } finally {
      busy = false
      update()
    }
  }

  /** @param {HTMLButtonElement} button */
  const become = async (button) => {
    if (busy) return
    busy = true
    button.disabled = true
    const steps = [
      ['opened', t('step_open', { host })], ['possession', t('step_possession')], ['enrolled', t('step_capture')], ['member', t('step_anchor')],
    ]
    const items = steps.map(([, label]) => h('li', null, label))
    fill(status, h('ol', { class: 'steps' }, items))
    let at = 0
    items[0].dataset.state = 'now'
    const reach = (/** @type {string} */ step) => {
      const next = steps.findIndex(([name]) => name === step) + 1
      for (; at < next; at++) items[at].dataset.state = 'done'
      if (at < items.length) items[at].dataset.state = 'now'
    }
    try {
      await enrol(holder, issuer, reach)
      await untilMember(holder, issuer, 60_000)
      reach('member')
      fill(status)
    } catch (err) {
      items[Math.min(at, items.length - 1)].dataset.state = 'failed'
      if (codeOf(err) === 'cancelled') fill(status, h('span', { class: 'muted' }, t('issuer_closed')))
      else status.append(h('div', { class: 'note bad' }, sentence(err)))
    } finally {
      busy = false
      button.disabled = false
      update()
    }
  }

  function update() {
    const seen = holder.memberships.get(issuer.vkey)
    fill(picture, crowd(seen?.live ?? 120))
    picture.classList.toggle('in', Boolean(seen?.member))
    if (seen?.member) {
      fill(text, h('span', { class: 'badge good' }, icon('seal'), t('verified_human')),
        h(title, null, t('one_of', { n: seen.live })), h('p', { class: 'muted' }, t('member_text', { issuer: issuer.name })))
    } else if (holder.enrolments.has(issuer.vkey)) {
      fill(text, h('span', { class: 'badge warn' }, icon('open'), t('waiting')),
        h(title, null, t('enrolment_there')), h('p', { class: 'muted' }, t('enrolment_wait')))
    } else {
      const button = h('button', { class: 'primary', type: 'button' }, t('become'), icon('out'))
      button.disabled = busy
      button.addEventListener('click', () => become(button))
      fill(text, h('span', { class: 'badge' }, icon('open'), t('not_yet')),
        h(title, null, t('become_title')),
        h('p', { class: 'muted' }, t('become_text', { issuer: issuer.name }), seen ? ' ' + t('in_its_set', { n: seen.live }) : ''),
        h('div', { class: 'row' }, button, h('span', { class: 'muted small' }, t('opens', { host }))))
    }
  }
  update()
  check()
  return { el, update }
}

/** @param {Holder} holder */
function ways(holder) {
  const el = h('details', { class: 'card' })
  const update = () => {
    const list = holder.vault?.ways ?? []
    const status = h('div', { role: 'status' })
    const passkey = h('button', { type: 'button', hidden: !custody.passkeysExist() || list.some((w) => w.type === 'passkey') }, icon('key'), t('add_passkey'))
    passkey.addEventListener('click', () => press(passkey, status, t('follow_prompt'), async () => {
      await holder.addWay(custody.withPasskey)
      update()
    }).catch(() => {}))
    const receipts = [...holder.enrolments.values()].filter((e) => e.receipt)
    fill(el, h('summary', null, t('ways')),
      h('div', { class: 'stack' },
        h('ul', { class: 'facts' }, list.map((w) => h('li', { 'data-state': 'good' }, icon(w.type === 'passkey' ? 'key' : 'lock'),
          h('b', null, w.type === 'passkey' ? t('way_passkey') : t('way_passphrase')),
          h('span', null, w.type === 'passkey' ? t('way_passkey_text') : t('way_passphrase_text', { n: w.rounds ?? custody.rounds }))))),
        passkey, status,
        list.some((w) => w.type === 'passphrase') ? null : h('details', null, h('summary', null, t('add_passphrase')),
          passphraseForm(t('add_it'), async (p) => {
            await holder.addWay((s) => custody.withPassphrase(s, p))
            update()
          })),
        receipts.length ? h('details', null, h('summary', null, t('receipt')),
          h('p', { class: 'muted small' }, t('receipt_text')), receipts.map((e) => h('pre', { tabindex: 0 }, e.receipt))) : null,
        identity(holder)))
  }
  update()
  return el
}

/** @param {Holder} holder */
function erase(holder) {
  const sure = h('input', { type: 'checkbox', id: 'sure' })
  const button = h('button', { type: 'button', class: 'danger', disabled: true }, t('erase_wallet'))
  sure.addEventListener('change', () => { button.disabled = !sure.checked })
  button.addEventListener('click', () => holder.wipe())
  return h('details', { class: 'card' }, h('summary', null, t('erase_wallet')),
    h('div', { class: 'stack' },
      h('p', { class: 'muted' }, t('erase_text')),
      h('label', { class: 'choice', for: 'sure' }, sure, t('erase_sure')),
      h('div', null, button)))
}
