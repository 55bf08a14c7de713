// The views before there is a secret in memory: making one, bringing one, and
// opening the vault.

import { fill, h, icon } from '../dom.js'
import * as custody from './custody.js'
import { codeOf, sentence, t, when } from './texts.js'

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
export function form(onsubmit, ...children) {
  const el = h('form', {
    class: 'stack', onsubmit: (/** @type {SubmitEvent} */ e) => {
      e.preventDefault()
      onsubmit(el)
    },
  }, ...children)
  return el
}

/** @param {string} id @param {string} label @param {HTMLElement} input @param {string} [hint] */
const field = (id, label, input, hint) => h('div', { class: 'field' }, h('label', { for: id }, label), input, hint ? h('span', { class: 'hint', id: id + '-hint' }, hint) : null)

/**
 * Two fields for a new passphrase.
 * @param {string} submit label of the button @param {(passphrase: string) => Promise<void>} take
 */
export function passphraseForm(submit, take) {
  const first = h('input', { type: 'password', id: 'new-passphrase', autocomplete: 'new-password', minlength: 12, required: true, 'aria-describedby': 'new-passphrase-hint' })
  const again = h('input', { type: 'password', id: 'new-passphrase-again', autocomplete: 'new-password', required: true })
  const status = h('div', { role: 'status' })
  const button = h('button', { class: 'primary wide', type: 'submit' }, submit)
  again.addEventListener('input', () => again.setCustomValidity(''))
  first.addEventListener('input', () => again.setCustomValidity(''))
  return form(() => {
    if (first.value !== again.value) {
      again.setCustomValidity(t('passphrases_differ'))
      again.reportValidity()
      return
    }
    press(button, status, t('deriving'), () => take(first.value)).catch(() => {})
  }, field('new-passphrase', t('passphrase'), first, t('passphrase_hint')), field('new-passphrase-again', t('same_again'), again), button, status)
}

/** @param {Holder} holder @param {() => void} bring shows the import view */
export function welcome(holder, bring) {
  const status = h('div', { role: 'status' })
  const byPassphrase = h('section', { class: 'stack', hidden: custody.passkeysExist() },
    h('h2', null, t('protect_passphrase')),
    passphraseForm(t('make_my_secret'), (passphrase) => holder.create((s) => custody.withPassphrase(s, passphrase))))
  const showPassphrase = () => {
    byPassphrase.hidden = false
    byPassphrase.querySelector('input')?.focus()
  }
  const passkey = h('button', { class: 'primary wide', type: 'button' }, icon('key'), t('make_with_passkey'))
  passkey.addEventListener('click', () => {
    press(passkey, status, t('follow_prompt'), () => holder.create(custody.withPasskey))
      .catch((err) => { if (codeOf(err) === 'passkey_without_prf') showPassphrase() })
  })
  return h('section', { class: 'stack loose' },
    h('div', { class: 'stack tight' }, h('h1', null, t('welcome_title')), h('p', { class: 'lead' }, t('welcome_lead'))),
    h('div', { class: 'card stack' },
      h('div', { class: 'stack', hidden: !custody.passkeysExist() },
        h('h2', null, t('make_secret')), h('p', { class: 'muted' }, t('make_secret_hint')),
        passkey, h('button', { type: 'button', class: 'wide', onclick: showPassphrase }, t('use_passphrase'))),
      status, byPassphrase),
    h('p', { class: 'row' }, h('span', { class: 'muted' }, t('have_wallet')), h('button', { class: 'quiet', type: 'button', onclick: bring }, t('bring_backup'))))
}

/**
 * The last step of bringing a secret: how it is to be protected here.
 * @param {Holder} holder @param {Element} card @param {string} good @param {Uint8Array<ArrayBuffer>} secret @param {import('./backup.js').Contents} [contents]
 */
function protect(holder, card, good, secret, contents) {
  const status = h('div', { role: 'status' })
  const passkey = h('button', { class: 'primary wide', type: 'button', hidden: !custody.passkeysExist() }, icon('key'), t('protect_passkey'))
  passkey.addEventListener('click', () => press(passkey, status, t('follow_prompt'), () => holder.create(custody.withPasskey, secret, contents)).catch(() => {}))
  fill(card, h('div', { class: 'note good', role: 'status' }, good), passkey, status,
    h('h2', null, t('or_passphrase')), passphraseForm(t('bring_in'), (p) => holder.create((s) => custody.withPassphrase(s, p), secret, contents)))
}

/** @param {Holder} holder @param {() => void} back */
export function bring(holder, back) {
  const code = h('textarea', { id: 'backup', rows: 4, required: true, autocomplete: 'off', spellcheck: 'false', autocapitalize: 'none', class: 'mono', 'aria-describedby': 'backup-hint' })
  const status = h('div', { role: 'status' }), fileStatus = h('div', { role: 'status' })
  const next = h('button', { class: 'primary wide', type: 'submit' }, t('go_on'))
  const file = h('input', { type: 'file', id: 'backup-file', accept: '.json,application/json', required: true })
  const phrase = h('input', { type: 'password', id: 'file-passphrase', autocomplete: 'off', required: true })
  const open = h('button', { class: 'wide', type: 'submit' }, t('open_file'))
  const card = h('div', { class: 'card stack' })
  fill(card, form(() => {
    press(next, status, t('reading'), async () => {
      const secret = await holder.read(code.value)
      code.value = ''
      protect(holder, card, t('backup_good'), secret)
    }).catch(() => {})
  }, field('backup', t('backup_label'), code, t('backup_hint')), next, status),
  h('hr'),
  form(() => {
    press(open, fileStatus, t('deriving'), async () => {
      const { secret, contents } = await holder.readFile(await /** @type {FileList} */ (file.files)[0].text(), phrase.value)
      phrase.value = ''
      protect(holder, card, t('file_good', { date: when(contents.created) }), secret, contents)
    }).catch(() => {})
  }, h('h2', null, t('or_file')), field('backup-file', t('backup_file'), file), field('file-passphrase', t('file_passphrase'), phrase), open, fileStatus))
  return h('section', { class: 'stack loose' },
    h('div', { class: 'stack tight' }, h('h1', null, t('bring_title')), h('p', { class: 'lead' }, t('bring_lead'))),
    card, h('button', { class: 'quiet', type: 'button', onclick: back }, t('back')))
}

/**
 * The other end of a transfer: the address of this page brought the sealed secret.
 * @param {Holder} holder @param {string} text @param {() => void} back
 */
export function passage(holder, text, back) {
  const words = h('input', { type: 'text', id: 'passage-words', required: true, autocomplete: 'off', autocapitalize: 'none', spellcheck: 'false' })
  const status = h('div', { role: 'status' })
  const next = h('button', { class: 'primary wide', type: 'submit' }, t('go_on'))
  const card = h('div', { class: 'card stack' })
  if (holder.vault) fill(card, h('div', { class: 'note warn' }, t('passage_over')))
  else {
    fill(card, form(() => {
      press(next, status, t('deriving'), async () => {
        const secret = await holder.readPassage(text, words.value)
        protect(holder, card, t('backup_good'), secret)
      }).catch(() => {})
    }, field('passage-words', t('passage_words'), words), next, status))
  }
  return h('section', { class: 'stack loose' },
    h('div', { class: 'stack tight' }, h('h1', null, t('passage_title')), h('p', { class: 'lead' }, t('passage_lead'))),
    card, h('button', { class: 'quiet', type: 'button', onclick: back }, t('back')))
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
    const button = h('button', { class: 'primary wide', type: 'button' }, icon('key'), t('unlock_passkey'))
    button.addEventListener('click', () => press(button, status, t('follow_prompt'), () => holder.unlock(passkey, '')).catch(() => {}))
    parts.push(button, status)
  }
  if (phrase) {
    const input = h('input', { type: 'password', id: 'passphrase', autocomplete: 'current-password', required: true })
    const status = h('div', { role: 'status' })
    const button = h('button', { class: passkey ? 'wide' : 'primary wide', type: 'submit' }, icon('lock'), t('unlock'))
    parts.push(form(() => {
      press(button, status, t('unlocking'), async () => {
        try {
          await holder.unlock(phrase, input.value)
        } finally {
          input.value = ''
          input.focus()
        }
      }).catch(() => {})
    }, field('passphrase', t('passphrase'), input), button, status))
  }
  return h('div', { class: 'stack' }, ...parts)
}

/** @param {Holder} holder */
export function locked(holder) {
  return h('section', { class: 'stack loose' },
    h('div', { class: 'stack tight' }, h('h1', null, t('locked_title')), h('p', { class: 'lead' }, t('locked_lead'))),
    h('div', { class: 'card' }, unlockForm(holder)))
}
