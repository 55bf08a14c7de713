// The views before there is a secret in memory: making one, bringing one, and
// opening the vault.

import { fill, h, icon } from '../dom.js'
import * as custody from './custody.js'
import { codeOf, sentence } from './texts.js'

/** @typedef {import('./holder.js').Holder} Holder */

/**
 * Runs work on a press; the button is busy meanwhile, a failure is told below.
 * @param {HTMLButtonElement} button @param {HTMLElement} status @param {string} busy @param {() => Promise<void>} work
 */
export async function press(button, status, busy, work) {
  if (button.disabled) return
  button.disabled = true
  fill(status, h('span', { class: 'muted' }, busy))
  try {
    await work()
    fill(status)
  } catch (err) {
    fill(status, h('div', { class: 'note bad' }, sentence(err)))
    throw err
  } finally {
    button.disabled = false
  }
}

/** @param {(form: HTMLFormElement) => void} onsubmit @param {...import('../dom.js').Children} children */
function form(onsubmit, ...children) {
  const el = h('form', {
    class: 'stack', onsubmit: (/** @type {SubmitEvent} */ e) => {
      e.preventDefault()
      onsubmit(el)
    },
  }, ...children)
  return el
}

/**
 * Two fields for a new passphrase.
 * @param {string} submit label of the button @param {(passphrase: string) => Promise<void>} take
 */
export function passphraseForm(submit, take) {
  const first = h('input', { type: 'password', id: 'new-passphrase', autocomplete: 'new-password', minlength: 12, required: true, 'aria-describedby': 'passphrase-hint' })
  const again = h('input', { type: 'password', id: 'new-passphrase-again', autocomplete: 'new-password', required: true })
  const status = h('div', { role: 'status' })
  const button = h('button', { class: 'primary wide', type: 'submit' }, submit)
  again.addEventListener('input', () => again.setCustomValidity(''))
  first.addEventListener('input', () => again.setCustomValidity(''))
  const el = form(() => {
    if (first.value !== again.value) {
      again.setCustomValidity('The two passphrases differ.')
      again.reportValidity()
      return
    }
    press(button, status, 'Deriving a key; this takes a moment …', () => take(first.value)).catch(() => {})
  },
  h('div', { class: 'field' }, h('label', { for: 'new-passphrase' }, 'Passphrase'), first,
    h('span', { class: 'hint', id: 'passphrase-hint' }, 'At least 12 characters. Four or five unrelated words are good.')),
  h('div', { class: 'field' }, h('label', { for: 'new-passphrase-again' }, 'The same again'), again),
  button, status)
  return el
}

/** @param {Holder} holder @param {() => void} bring shows the import view */
export function welcome(holder, bring) {
  const status = h('div', { role: 'status' })
  const byPassphrase = h('section', { class: 'stack', hidden: custody.passkeysExist() },
    h('h2', null, 'Protect it with a passphrase'),
    passphraseForm('Make my secret', (passphrase) => holder.create((s) => custody.withPassphrase(s, passphrase))))
  const showPassphrase = () => {
    byPassphrase.hidden = false
    byPassphrase.querySelector('input')?.focus()
  }
  const passkey = h('button', { class: 'primary wide', type: 'button' }, icon('key'), 'Make my secret with a passkey')
  passkey.addEventListener('click', () => {
    press(passkey, status, 'Follow your device’s prompt …', () => holder.create(custody.withPasskey))
      .catch((err) => { if (codeOf(err) === 'passkey_without_prf') showPassphrase() })
  })
  return h('section', { class: 'stack loose' },
    h('div', { class: 'stack tight' },
      h('h1', null, 'A wallet for one thing: proving you are one human'),
      h('p', { class: 'lead' }, 'It keeps a single secret in this browser. With it you can show a site that you are one of many verified people, without showing which one.')),
    h('div', { class: 'card stack' },
      h('div', { class: 'stack', hidden: !custody.passkeysExist() },
        h('h2', null, 'Make your secret'),
        h('p', { class: 'muted' }, 'The secret never leaves this wallet. A passkey (fingerprint, face or device PIN) unlocks it.'),
        passkey, h('button', { type: 'button', class: 'wide', onclick: showPassphrase }, 'Use a passphrase instead')),
      status, byPassphrase),
    h('p', { class: 'row' }, h('span', { class: 'muted' }, 'You have a wallet already?'),
      h('button', { class: 'quiet', type: 'button', onclick: bring }, 'Bring a backup code')))
}

/** @param {Holder} holder @param {() => void} back */
export function bring(holder, back) {
  const code = h('textarea', { id: 'backup', rows: 4, required: true, autocomplete: 'off', spellcheck: 'false', autocapitalize: 'characters', class: 'mono' })
  const status = h('div', { role: 'status' })
  const next = h('button', { class: 'primary wide', type: 'submit' }, 'Continue')
  const card = h('div', { class: 'card stack' })
  fill(card, form(() => {
    press(next, status, 'Reading …', async () => {
      const secret = await holder.read(code.value)
      code.value = ''
      const passkeyStatus = h('div', { role: 'status' })
      const passkey = h('button', { class: 'primary wide', type: 'button', hidden: !custody.passkeysExist() }, icon('key'), 'Protect it with a passkey')
      passkey.addEventListener('click', () => press(passkey, passkeyStatus, 'Follow your device’s prompt …', () => holder.create(custody.withPasskey, secret)).catch(() => {}))
      fill(card, h('div', { class: 'note good' }, 'The code is complete and correct.'), passkey, passkeyStatus,
        h('h2', null, 'Or with a passphrase'), passphraseForm('Bring it in', (p) => holder.create((s) => custody.withPassphrase(s, p), secret)))
    }).catch(() => {})
  },
  h('div', { class: 'field' }, h('label', { for: 'backup' }, 'Backup code'), code,
    h('span', { class: 'hint' }, 'It starts with PH1. An identity exported by a Semaphore v4 client works too.')),
  next, status))
  return h('section', { class: 'stack loose' },
    h('div', { class: 'stack tight' }, h('h1', null, 'Bring your secret'),
      h('p', { class: 'lead' }, 'Everything this wallet proves follows from the secret, so the backup is the wallet.')),
    card, h('button', { class: 'quiet', type: 'button', onclick: back }, 'Back'))
}

/**
 * The form that opens the vault.
 * @param {Holder} holder
 */
export function unlockForm(holder) {
  const ways = holder.vault?.ways ?? []
  const passkey = ways.find((w) => w.type === 'passkey'), phrase = ways.find((w) => w.type === 'passphrase')
  const parts = []
  if (passkey) {
    const status = h('div', { role: 'status' })
    const button = h('button', { class: 'primary wide', type: 'button' }, icon('key'), 'Unlock with your passkey')
    button.addEventListener('click', () => press(button, status, 'Follow your device’s prompt …', () => holder.unlock(passkey, '')).catch(() => {}))
    parts.push(button, status)
  }
  if (phrase) {
    const input = h('input', { type: 'password', id: 'passphrase', autocomplete: 'current-password', required: true })
    const status = h('div', { role: 'status' })
    const button = h('button', { class: passkey ? 'wide' : 'primary wide', type: 'submit' }, icon('lock'), 'Unlock')
    parts.push(form(() => {
      press(button, status, 'Unlocking …', async () => {
        try {
          await holder.unlock(phrase, input.value)
        } finally {
          input.value = ''
          input.focus()
        }
      }).catch(() => {})
    }, h('div', { class: 'field' }, h('label', { for: 'passphrase' }, 'Passphrase'), input), button, status))
  }
  return h('div', { class: 'stack' }, ...parts)
}

/** @param {Holder} holder */
export function locked(holder) {
  return h('section', { class: 'stack loose' },
    h('div', { class: 'stack tight' }, h('h1', null, 'Your wallet is locked'),
      h('p', { class: 'lead' }, 'It locks by itself after five minutes without a touch.')),
    h('div', { class: 'card' }, unlockForm(holder)))
}
