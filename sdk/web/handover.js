// The wallet on another device: a second button beside the widget's, and behind
// it one question by a QR code, sealed through the relay at the wallet's origin.
// Loaded by widgets with the attribute handover; what draws and seals is loaded
// when somebody presses the button. The page's policy must let scripts connect
// to the wallet's origin.

import { AskError, compose, nullifierOf } from './ask.js'
import { handoverWords } from './handover-words.js'
import { wordsFor } from './words.js'

const life = 5 * 60_000 // of a box in the relay, and of a challenge

const style = new CSSStyleSheet()
style.replaceSync(`
  :host([handover]) button:first-of-type { margin-inline-end: .75rem; }
  .phone { background: none; border-color: transparent; color: inherit; font-size: .875rem; text-decoration: underline; padding-inline: .1rem; }
  :host(:not([handover])) .phone, :host(:state(busy)) .phone, :host(:state(verified)) .phone, :disabled ~ .phone { display: none; }
  .handover { display: grid; gap: .75rem; justify-items: start; margin-top: .75rem; padding: 1rem; max-width: 20rem; box-sizing: border-box;
    border: 1px solid light-dark(#dce2db, #2b352f); border-radius: .75rem; background: light-dark(#fff, #151b18); color: light-dark(#1b211d, #e6ece8); font: .9375rem/1.45 system-ui, sans-serif; }
  .handover p { margin: 0; font-size: inherit; color: inherit; }
  .handover svg { width: 100%; max-width: 15rem; justify-self: center; background: #fff; border-radius: .5rem; fill: #000; }
  .handover a { color: inherit; padding-block: .2rem; }
  .handover summary { cursor: pointer; min-height: 1.5rem; }
  .handover code { display: block; margin-top: .4rem; font-size: .8125rem; overflow-wrap: anywhere; user-select: all; }
  .handover button { background: none; color: inherit; border-color: currentColor; min-height: 2.25rem; padding: .35rem .9rem; }
`)

/** @param {keyof HTMLElementTagNameMap} tag @param {string} [text] @param {...Node} children */
function el(tag, text = '', ...children) {
  const made = document.createElement(tag)
  made.append(text, ...children)
  return made
}

/** @param {string} lang */
function ownWords(lang) {
  const short = lang.toLowerCase().split('-')[0]
  return Object.hasOwn(handoverWords, short) ? handoverWords[/** @type {keyof typeof handoverWords} */ (short)] : handoverWords.en
}

/**
 * Puts the second button beside the first, once, and has it speak a language.
 * @param {import('./perhuman.js').PerhumanCheck} check @param {string} lang
 */
export function offer(check, lang) {
  const root = /** @type {ShadowRoot} */ (check.shadowRoot)
  let phone = /** @type {HTMLElement | null} */ (root.querySelector('.phone'))
  if (!phone) {
    root.adoptedStyleSheets.push(style)
    phone = el('button')
    phone.part.add('phone')
    Object.assign(phone, {
      type: 'button', className: 'phone',
      onclick: () => { check.execute((question) => handOver(root, question)).catch(() => {}) }, // the event told already
    })
    root.querySelector('button')?.after(phone)
    // A page that no window can answer (closed.js) is answered by the relay: the event told why, and this goes on.
    check.addEventListener('perhuman-error', (event) => {
      if (/** @type {CustomEvent} */ (event).detail?.code !== 'window_cut_off' || !check.hasAttribute('handover')) return
      check.execute((question) => handOver(root, question, true)).catch(() => {})
    })
  }
  const words = ownWords(lang)
  phone.textContent = words.phone
  phone.lang = words.lang
  Object.assign(wordsFor(words.lang), words.codes) // the widget says them as its own
}

/** @param {string} url @param {RequestInit} init @param {AbortSignal} signal */
async function call(url, init, signal) {
  try {
    return await fetch(url, { ...init, signal, cache: 'no-store', credentials: 'omit', referrerPolicy: 'no-referrer' })
  } catch (err) {
    throw signal.aborted ? err : new AskError('relay_unavailable')
  }
}

/**
 * @param {ShadowRoot} root of the widget @param {import('./ask.js').Question} question
 * @param {boolean} [apart] because a window of this browser cannot answer: the wallet here may, by the same link
 * @returns {Promise<import('./ask.js').Answer>}
 */
async function handOver(root, question, apart) {
  const { wallet } = question
  const words = ownWords(/** @type {HTMLElement} */ (root.querySelector('.phone')).lang)
  const stop = new AbortController()
  const signal = AbortSignal.any([question.signal, stop.signal])
  const cancel = el('button', words.cancel)
  const said = el('p', words.wait)
  const panel = el('div', '', said, cancel)
  Object.assign(panel, { className: 'handover', lang: words.lang })
  Object.assign(cancel, { type: 'button', onclick: () => stop.abort() })
  panel.part.add('handover')
  said.setAttribute('role', 'status')
  root.append(panel)
  let base = ''
  try {
    const { request, expires } = await compose(question, signal)
    const [{ qr }, { boxOf, linkOf, newKey, open, seal }] = await Promise.all([import('./qr.js'), import('./relay.js')])
    const key = newKey()
    const body = await seal(key, 'question', { ...request, origin: location.origin })
    const end = Math.min(Date.now() + life, expires)
    const box = `${wallet}/relay/${await boxOf(key)}`
    const opened = await call(`${box}/question`, { method: 'PUT', headers: { 'Content-Type': 'application/octet-stream' }, body }, signal)
    if (!opened.ok) throw new AskError((await opened.json().catch(() => ({}))).code ?? 'relay_unavailable')
    base = box

    const link = linkOf(wallet, key)
    const left = el('p')
    left.setAttribute('role', 'timer')
    said.textContent = apart ? `${words.apart} ${words.scan}` : words.scan
    panel.insertBefore(qr(link, words.code), cancel)
    if (apart) panel.insertBefore(Object.assign(el('a', words.here), { href: link, target: '_blank', rel: 'noopener noreferrer' }), cancel)
    panel.insertBefore(el('details', '', el('summary', words.link), el('code', link)), cancel)
    panel.insertBefore(left, cancel)

    for (;;) {
      const seconds = Math.ceil((end - Date.now()) / 1000)
      if (seconds <= 0) throw new AskError('timeout')
      left.textContent = `${words.left} ${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`
      await pause(1000, signal)
      const answer = await call(`${base}/answer`, {}, signal).catch((err) => { if (signal.aborted) throw err }) // a network comes back
      if (!answer || answer.status === 204 || answer.status >= 500 || answer.status === 429) continue
      if (!answer.ok) throw new AskError('timeout') // the relay has forgotten the box
      const sealed = await answer.arrayBuffer()
      base = ''
      const message = await open(key, 'answer', sealed).catch(() => { throw new AskError('failed', 'the answer does not open') })
      if (message.type !== 'perhuman-response') throw new AskError(String(message.code ?? 'failed'))
      const response = String(message.response)
      return { response, nullifier: nullifierOf(response), expires }
    }
  } catch (err) {
    // A question that nobody has read yet is read here: a code that is scanned too late finds nothing.
    if (base) fetch(`${base}/question`, { cache: 'no-store', credentials: 'omit', referrerPolicy: 'no-referrer', keepalive: true }).catch(() => {})
    throw signal.aborted ? new AskError(question.signal.aborted ? 'cancelled' : 'handover_cancelled') : err
  } finally {
    const inside = root.activeElement && panel.contains(root.activeElement)
    panel.remove()
    if (inside) root.querySelector('button')?.focus()
  }
}

/** @param {number} ms @param {AbortSignal} signal @returns {Promise<void>} */
function pause(ms, signal) {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted()
    const timer = setTimeout(resolve, ms)
    signal.addEventListener('abort', () => {
      clearTimeout(timer)
      reject(signal.reason)
    }, { once: true })
  })
}
