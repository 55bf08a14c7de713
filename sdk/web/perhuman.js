// <perhuman-check>: a form control whose value is a proof that its user is one
// human who may do this here, now.
//
//   <perhuman-check action="post" wallet="https://wallet.example" name="perhuman-response" required></perhuman-check>
//
// Attributes
//   action     what is done; the site's server knows its policy
//   sitekey    in place of action, where a verifier service knows the site by one
//   wallet     origin of the person's wallet
//   app        the site's name, if the page wants it compared with where it runs
//   challenge  where the site hands out challenges (default /perhuman/challenge)
//   issuers    verifier keys of the issuers that the site accepts, with blanks between; all: every one of them is to vouch
//   signal     a text to bind, as content of kind raw; or set the property `content`
//   handover   offers the wallet on a phone too, by a QR code; the page's connect-src must allow the wallet's origin
//   name       name of the form field; required, disabled as on any control
//   lang       en, de, zh, es (default: the page's); theme: light or dark (default: the page's color-scheme)
// Events: perhuman-verified {response, nullifier}, perhuman-error {code}, perhuman-expired
// Methods: execute(), reset(), getResponse(). Style: ::part(button), ::part(phone), ::part(handover), ::part(status), --perhuman-* variables.

import { ask, AskError, rawContent } from './ask.js'
import { rpFromOrigin } from './bytes.js'
import { closest, load, wordsFor } from './words.js'

/** @typedef {import('./ask.js').Content} Content */

const style = new CSSStyleSheet()
style.replaceSync(`
  :host { display: inline-block; max-width: 100%; }
  :host([hidden]) { display: none; }
  :host([theme=light]) { color-scheme: light; }
  :host([theme=dark]) { color-scheme: dark; }
  button, p { unicode-bidi: plaintext; }
  button {
    display: inline-flex; align-items: center; gap: .5rem; min-height: 2.75rem; padding: .55rem 1rem; max-width: 100%;
    border-radius: var(--perhuman-radius, .75rem); border: 1px solid var(--perhuman-accent, light-dark(#0b6b4d, #63d3a7));
    background: var(--perhuman-accent, light-dark(#0b6b4d, #63d3a7)); color: var(--perhuman-on-accent, light-dark(#fff, #05241a));
    font: 600 1rem/1.3 system-ui, sans-serif; text-align: start; vertical-align: middle; cursor: pointer;
  }
  button:focus-visible { outline: 3px solid var(--perhuman-focus, light-dark(#1b5fd0, #8ab8ff)); outline-offset: 2px; }
  button:disabled, button[aria-disabled=true] { cursor: default; background: light-dark(#eef1ec, #121816); border-color: light-dark(#dce2db, #2b352f); color: light-dark(#55625a, #a3b1a9); }
  :host(:state(verified)) button { background: light-dark(#e2f2ea, #14332a); border-color: transparent; color: light-dark(#08523b, #8be3c0); }
  i { width: 1.1rem; height: 1.1rem; flex: none; border-radius: 50%; border: 2px solid; padding: 2px; box-sizing: border-box; background-clip: content-box; forced-color-adjust: none; }
  :host(:state(busy)) i { border-right-color: transparent; animation: turn .9s linear infinite; }
  :host(:state(verified)) i { background-color: currentColor; }
  p { margin: .45rem 0 0; font: .875rem/1.45 system-ui, sans-serif; color: light-dark(#55625a, #a3b1a9); max-width: 34rem; }
  p:empty { margin: 0; }
  :host(:state(failed)) p { color: light-dark(#ab2a20, #ff9f95); }
  @media (forced-colors) { i { color: ButtonText; } }
  @keyframes turn { to { transform: rotate(1turn); } }
  @media (prefers-reduced-motion) { :host(:state(busy)) i { animation: turn 3s steps(4) infinite; } }
`)

/** @typedef {'idle' | 'busy' | 'verified' | 'failed'} State */

export class PerhumanCheck extends HTMLElement {
  static formAssociated = true
  static observedAttributes = ['lang', 'required', 'label', 'handover']

  /** What to bind: content, or a function that gives it when the person clicks. @type {Content | null | (() => Content | null)} */
  // @ts-ignore: set on the element before its upgrade
  content = this.content ?? null

  #internals = this.attachInternals()
  #button = document.createElement('button')
  #label = document.createElement('span')
  #status = document.createElement('p')
  #response = ''
  /** @type {AbortController | null} */
  #running = null
  /** Where the question is, for who has lost sight of it. @type {Window | undefined} */
  #window
  #timer = 0
  /** What is shown: the state, and the word of the message. @type {[State, string]} */
  #shown = ['idle', '']

  constructor() {
    super()
    const root = this.attachShadow({ mode: 'open', delegatesFocus: true })
    root.adoptedStyleSheets = [style]
    this.#button.type = 'button'
    this.#button.part.add('button')
    this.#button.append(document.createElement('i'), this.#label)
    this.#status.part.add('status')
    // Polite; empty when there is nothing to say.
    this.#status.setAttribute('role', 'status')
    root.append(this.#button, this.#status)
    // The event told already.
    this.#button.addEventListener('click', () => { this.execute().catch(() => {}) })
  }

  connectedCallback() { this.#show(...this.#shown) }
  disconnectedCallback() { this.#running?.abort() }
  attributeChangedCallback() { this.#show(...this.#shown) }
  formResetCallback() { this.reset() }
  /** @param {boolean} off */
  formDisabledCallback(off) { this.#button.disabled = off }

  get value() { return this.#response }
  get form() { return this.#internals.form }
  get name() { return this.getAttribute('name') ?? '' }
  set name(name) { this.setAttribute('name', name) }
  get validity() { return this.#internals.validity }
  get validationMessage() { return this.#internals.validationMessage }
  checkValidity() { return this.#internals.checkValidity() }
  reportValidity() { return this.#internals.reportValidity() }

  /** The response, or '' while there is none. */
  getResponse() { return this.#response }

  /** Forgets the response and anything under way. */
  reset() {
    this.#running?.abort()
    this.#running = null
    this.#set('')
    this.#show('idle', '')
  }

  /**
   * Asks the wallet; from a click, because it opens a window. Resolves with
   * the response, rejects with an error that has a code.
   * @param {typeof ask} [how] another way to ask than by a window
   * @returns {Promise<string>}
   */
  async execute(how = ask) {
    if (this.#button.disabled) throw new AskError('disabled')
    if (this.#running) {
      this.#window?.focus()
      throw new AskError('busy')
    }
    if (this.#response) return this.#response
    const running = new AbortController()
    this.#running = running
    this.#show('busy', '')
    try {
      const rp = rpFromOrigin(location.origin)
      const app = this.getAttribute('app')
      if (!rp || (app && app !== rp)) throw new AskError('wrong_app')
      const text = this.getAttribute('signal')
      const { response, nullifier, expires } = await how({
        wallet: new URL(this.getAttribute('wallet') ?? '', location.href).origin,
        action: this.getAttribute('action') ?? '',
        sitekey: this.getAttribute('sitekey') ?? '',
        challengeURL: this.getAttribute('challenge') ?? '/perhuman/challenge',
        rp,
        content: this.content ?? (text === null ? null : rawContent(text)),
        issuers: this.getAttribute('issuers')?.split(/\s+/).filter(Boolean),
        all: this.hasAttribute('all') || undefined,
        signal: running.signal,
        onstage: (stage, popup) => {
          this.#window = popup ?? this.#window
          if (this.#running === running) this.#show('busy', stage)
        },
      })
      if (this.#running !== running) throw new AskError('cancelled')
      this.#running = null
      this.#set(response)
      this.#timer = window.setTimeout(() => {
        this.#set('')
        this.#show('idle', 'expired')
        this.#tell('expired')
      }, expires - Date.now())
      this.#show('verified', '')
      this.#tell('verified', { response, nullifier })
      return response
    } catch (err) {
      const code = err instanceof AskError ? err.code : 'failed'
      if (this.#running === running) {
        this.#running = null
        this.#show('failed', code)
        this.#tell('error', { code })
      }
      throw err
    }
  }

  /** That of the nearest element that has one, also outside a shadow tree. */
  #language() {
    /** @type {any} */
    let e = this, lang
    while (e && !(lang = e.closest('[lang]')?.lang)) e = e.getRootNode().host
    return lang || navigator.language
  }

  /** @param {string} what @param {object} [detail] */
  #tell(what, detail) {
    this.dispatchEvent(new CustomEvent('perhuman-' + what, { bubbles: true, composed: true, detail }))
  }

  /** @param {string} response */
  #set(response) {
    clearTimeout(this.#timer)
    this.#response = response
    this.#internals.setFormValue(response || null)
  }

  /** @param {State} state @param {string} code of the message: a word, or what there is no word for */
  #show(state, code) {
    this.#shown = [state, code]
    const lang = this.#language()
    // English stays where another language does not come.
    load(lang).then((more) => { if (more && this.isConnected) this.#show(...this.#shown) }, () => {})
    /** @type {Record<string, string>} */
    const words = wordsFor(lang)
    if (this.hasAttribute('handover')) import('./handover.js').then((m) => m.offer(this, lang), () => {})
    const states = this.#internals.states
    states.clear()
    if (state !== 'idle') states.add(state)
    const label = this.getAttribute('label')
    this.#status.lang = closest(lang)
    this.#label.lang = label ? lang : closest(lang)
    this.#label.textContent = state === 'verified' ? words.verified : state === 'failed' ? words.retry : label ?? words.prompt
    this.#button.setAttribute('aria-disabled', String(state === 'busy' || state === 'verified'))
    this.#status.textContent = code && (Object.hasOwn(words, code) ? words[code] : `${words.failed} (${code})`)
    this.#internals.setValidity({ valueMissing: this.hasAttribute('required') && !this.#response }, words.required, this.#button)
  }
}

customElements.define('perhuman-check', PerhumanCheck)
