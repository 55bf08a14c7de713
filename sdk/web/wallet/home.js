// The view of an open wallet: is this person in the set, is the secret backed
// up, how does it open, and how to erase it.

import { crowd, fill, h, icon } from '../dom.js'
import * as custody from './custody.js'
import { enrol, untilMember } from './enrol.js'
import { passphraseForm, press } from './setup.js'
import { codeOf, sentence } from './texts.js'

/** @typedef {import('./holder.js').Holder} Holder */

/** @param {Holder} holder @returns {{el: HTMLElement, update: () => void}} */
export function home(holder) {
  const member = membership(holder), safe = backup(holder)
  const el = h('section', { class: 'stack loose' }, member.el, safe.el, ways(holder), erase(holder))
  return {
    el, update: () => {
      member.update()
      safe.update()
    },
  }
}

/** @param {Holder} holder */
function membership(holder) {
  const el = h('div', { class: 'card status' })
  const picture = h('div', { class: 'picture' })
  const text = h('div', { class: 'stack' })
  const status = h('div', { role: 'status', class: 'stack' })
  let busy = false
  el.append(picture, h('div', { class: 'stack' }, text, status))

  const check = async () => {
    if (busy) return
    busy = true
    fill(status, h('span', { class: 'muted' }, 'Reading the issuer’s public log …'))
    try {
      if (holder.enrolment) await untilMember(holder, 60_000)
      else await holder.sync()
      fill(status)
    } catch (err) {
      if (!holder.locked) fill(status, h('div', { class: 'note bad' }, sentence(err)), h('button', { type: 'button', onclick: check }, 'Try again'))
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
      ['opened', `Opening ${new URL(holder.issuer.at).host}`], ['possession', 'Consent, and proof that the secret is yours'],
      ['enrolled', 'Capture and comparison at the issuer'], ['member', 'Waiting until the public log holds you'],
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
      await enrol(holder, reach)
      await untilMember(holder, 60_000)
      reach('member')
      fill(status)
    } catch (err) {
      items[Math.min(at, items.length - 1)].dataset.state = 'failed'
      if (codeOf(err) === 'cancelled') fill(status, h('span', { class: 'muted' }, 'The issuer’s window was closed before the enrolment was complete.'))
      else status.append(h('div', { class: 'note bad' }, sentence(err)))
    } finally {
      busy = false
      button.disabled = false
      update()
    }
  }

  function update() {
    const seen = holder.membership
    const host = new URL(holder.issuer.at).host
    fill(picture, crowd(seen?.live ?? 120))
    picture.classList.toggle('in', Boolean(seen?.member))
    if (seen?.member) {
      fill(text, h('span', { class: 'badge good' }, icon('seal'), 'Verified human'),
        h('h1', null, `You are one of ${seen.live} people`),
        h('p', { class: 'muted' }, `${holder.issuer.name} has you in its public set. When a site asks, this wallet shows that you are one of them, and nobody can tell which, not even the issuer.`))
    } else if (holder.enrolment) {
      fill(text, h('span', { class: 'badge warn' }, icon('open'), 'Waiting'),
        h('h1', null, 'The issuer has your enrolment'),
        h('p', { class: 'muted' }, 'It enters the public set with the next anchor. You hold a signed receipt for it.'))
    } else {
      const button = h('button', { class: 'primary', type: 'button' }, 'Become verified', icon('out'))
      button.disabled = busy
      button.addEventListener('click', () => become(button))
      fill(text, h('span', { class: 'badge' }, icon('open'), 'Not verified yet'),
        h('h1', null, 'Become a verified human'),
        h('p', { class: 'muted' }, `The issuer ${holder.issuer.name} checks once that you are a person it has not seen before. It never learns your secret, and never hears where you use it.`,
          seen ? ` ${seen.live} people are in its set.` : ''),
        h('div', { class: 'row' }, button, h('span', { class: 'muted small' }, `opens ${host}`)))
    }
  }
  update()
  check()
  return { el, update }
}

/** @param {Holder} holder */
function backup(holder) {
  const el = h('div', { class: 'card stack' })
  const show = async () => {
    const code = await holder.backup()
    const dialog = h('dialog', { class: 'stack backup', 'aria-labelledby': 'backup-title' },
      h('h2', { id: 'backup-title' }, 'Your backup code'),
      h('p', { class: 'muted' }, 'Whoever has this code is you, for every site, past and future. Write it down or print it; do not keep a picture of it online.'),
      h('pre', { class: 'code', tabindex: 0 }, code),
      h('p', { class: 'print-only' }, `perhuman backup code for the wallet at ${location.host}. To use it, open the wallet and choose “Bring a backup code”.`),
      h('div', { class: 'row end' },
        h('button', { type: 'button', onclick: () => window.print() }, icon('print'), 'Print'),
        h('button', {
          type: 'button', class: 'primary', onclick: async () => {
            await holder.backedUp()
            dialog.close()
          },
        }, 'I have it on paper')))
    dialog.addEventListener('close', () => dialog.remove())
    document.body.append(dialog)
    dialog.showModal()
  }
  const update = () => {
    const done = holder.vault?.backedUp
    fill(el, h('div', { class: 'row between' }, h('h2', null, 'Backup'), h('span', { class: done ? 'badge good' : 'badge warn' }, done ? 'on paper' : 'not yet')),
      h('p', { class: 'muted' }, 'If this browser’s data is lost, the backup code brings the same secret back. Without it you would have to enrol again, and the issuer would recognise you and refuse.'),
      h('div', null, h('button', { type: 'button', onclick: show }, 'Show the backup code')))
  }
  update()
  return { el, update }
}

/** @param {Holder} holder */
function ways(holder) {
  const el = h('details', { class: 'card' })
  const update = () => {
    const list = holder.vault?.ways ?? []
    const status = h('div', { role: 'status' })
    const passkey = h('button', { type: 'button', hidden: !custody.passkeysExist() || list.some((w) => w.type === 'passkey') }, icon('key'), 'Add a passkey')
    passkey.addEventListener('click', () => press(passkey, status, 'Follow your device’s prompt …', async () => {
      await holder.addWay(custody.withPasskey)
      update()
    }).catch(() => {}))
    fill(el, h('summary', null, 'How this wallet opens'),
      h('div', { class: 'stack' },
        h('ul', { class: 'facts' }, list.map((w) => h('li', { 'data-state': 'good' }, icon(w.type === 'passkey' ? 'key' : 'lock'),
          h('b', null, w.type === 'passkey' ? 'A passkey of this device' : 'A passphrase'),
          h('span', null, w.type === 'passkey' ? 'The key is derived inside the authenticator (WebAuthn PRF).' : `The key is derived with PBKDF2-SHA256, ${(w.rounds ?? custody.rounds).toLocaleString('en')} rounds.`)))),
        passkey, status,
        list.some((w) => w.type === 'passphrase') ? null : h('details', null, h('summary', null, 'Add a passphrase'),
          passphraseForm('Add it', async (p) => {
            await holder.addWay((s) => custody.withPassphrase(s, p))
            update()
          })),
        holder.enrolment?.receipt ? h('details', null, h('summary', null, 'Signed receipt of your enrolment'),
          h('p', { class: 'muted small' }, 'The issuer signed that it took your enrolment in. Keep it with your backup: with it you can show what was accepted, and “perhuman receipt check” verifies it.'),
          h('pre', { tabindex: 0 }, holder.enrolment.receipt)) : null))
  }
  update()
  return el
}

/** @param {Holder} holder */
function erase(holder) {
  const sure = h('input', { type: 'checkbox', id: 'sure' })
  const button = h('button', { type: 'button', class: 'danger', disabled: true }, 'Erase this wallet')
  sure.addEventListener('change', () => { button.disabled = !sure.checked })
  button.addEventListener('click', () => holder.wipe())
  return h('details', { class: 'card' }, h('summary', null, 'Erase this wallet'),
    h('div', { class: 'stack' },
      h('p', { class: 'muted' }, 'This deletes the secret, the used slots and the receipts from this browser. It does not take you out of the issuer’s set.'),
      h('label', { class: 'choice', for: 'sure' }, sure, 'I have the backup code, or I do not need this secret any more.'),
      h('div', null, button)))
}
