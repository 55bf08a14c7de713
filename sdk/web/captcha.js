// For pages that were written for Turnstile, hCaptcha or reCAPTCHA: their
// markup, their callbacks, their hidden field and their global functions, over
// <perhuman-check>. Such a page changes the address of its script:
//
//   <script src="https://verifier.example/turnstile/v0/api.js?wallet=https://wallet.example" async defer></script>
//   <div class="cf-turnstile" data-sitekey="phsite_..." data-callback="done"></div>
//
// This is a classic script, as theirs are. Beside what their scripts take
// (onload, render=explicit, hl) its address has
//   wallet     origin of the person's wallet; or data-wallet on the element
//   challenge  where challenges come from: default /v1/challenges of the host
//              that the script comes from
// What a person must do is different: a click opens the wallet. So a widget
// without a surface (data-size=invisible) answers execute() only from a click.
;(() => {
  const script = /** @type {HTMLScriptElement} */ (document.currentScript)
  const home = new URL(script.src)
  const ask = home.searchParams

  /**
   * @typedef {Record<string, unknown>} Options of a widget, by their names in the vendors' render()
   * @typedef {{id: string, place: Element, check: import('./perhuman.js').PerhumanCheck, also: HTMLInputElement[]}} Widget
   */
  /** The kinds: class of the element, global, names of the hidden field, name of the first widget. */
  const kinds = [
    { css: 'cf-turnstile', global: 'turnstile', fields: ['cf-turnstile-response'], setting: 'response-field-name' },
    { css: 'h-captcha', global: 'hcaptcha', fields: ['h-captcha-response', 'g-recaptcha-response'] },
    { css: 'g-recaptcha', global: 'grecaptcha', fields: ['g-recaptcha-response'] },
    { css: 'perhuman-captcha', global: 'perhumanCaptcha', fields: ['perhuman-response'] },
  ]
  /** @type {Map<string, Widget>} */
  const widgets = new Map()
  let made = 0
  /** Set as soon as the element can be used. @type {Promise<unknown>} */
  const loaded = import(new URL('/perhuman/perhuman.js', home).href)

  /** A callback: a function, or the name of a global one. @param {unknown} f */
  const callable = (f) => (typeof f === 'function' ? f : typeof f === 'string' ? Reflect.get(globalThis, f) : undefined)

  /** The options that stand on an element. @param {Element} place @returns {Options} */
  const written = (place) => Object.fromEntries([...place.attributes].filter((a) => a.name.startsWith('data-')).map((a) => [a.name.slice(5), a.value]))

  /** @param {typeof kinds[number]} kind @param {Element} place @param {Options} options */
  function render(kind, place, options) {
    const o = { ...written(place), ...options }
    const id = `${kind.global}-${made++}`
    const check = /** @type {import('./perhuman.js').PerhumanCheck} */ (document.createElement('perhuman-check'))
    const set = (/** @type {string} */ name, /** @type {unknown} */ value) => { if (value !== undefined && value !== null) check.setAttribute(name, String(value)) }
    set('sitekey', o.sitekey)
    set('wallet', o.wallet ?? ask.get('wallet'))
    set('challenge', o.challenge ?? ask.get('challenge') ?? new URL('/v1/challenges', home).href)
    set('lang', o.language ?? o.hl ?? ask.get('hl'))
    if (o.theme !== 'auto') set('theme', o.theme)
    if (o['response-field'] !== 'false' && o['response-field'] !== false) set('name', (kind.setting && o[kind.setting]) ?? kind.fields[0])
    const also = kind.fields.slice(1).map((name) => Object.assign(document.createElement('input'), { type: 'hidden', name }))
    const tell = (/** @type {unknown} */ f, /** @type {unknown[]} */ ...args) => callable(f)?.(...args)
    check.addEventListener('perhuman-verified', (e) => {
      const { response } = /** @type {CustomEvent<{response: string}>} */ (e).detail
      for (const input of also) input.value = response
      tell(o.callback, response)
    })
    check.addEventListener('perhuman-expired', () => {
      for (const input of also) input.value = ''
      tell(o['expired-callback'])
    })
    check.addEventListener('perhuman-error', (e) => tell(o['error-callback'], /** @type {CustomEvent<{code: string}>} */ (e).detail.code))
    if (place instanceof HTMLButtonElement || place instanceof HTMLInputElement) { // the page's own button asks
      check.hidden = true
      place.after(check, ...also)
      place.addEventListener('click', (e) => {
        if (check.getResponse()) return
        e.preventDefault()
        check.execute().catch(() => {})
      })
    } else {
      check.hidden = o.size === 'invisible'
      place.append(check, ...also)
    }
    widgets.set(id, { id, place, check, also })
    return id
  }

  /** @param {unknown} place an element, its id, or a selector */
  function find(place) {
    const found = place instanceof Element ? place : document.getElementById(String(place)) ?? document.querySelector(String(place))
    if (!found) throw new Error(`captcha: no element ${place}`)
    return found
  }

  for (const kind of kinds) {
    /** The widget that is meant: by its name, its element, or else the first of this kind. @param {unknown} [which] */
    const widget = (which) => [...widgets.values()].find((w) => w.id.startsWith(kind.global) && (which === undefined || w.id === which || w.place === which || w.place.id === which || typeof which === 'string' && w.place.matches(which)))
    Reflect.set(globalThis, kind.global, {
      /** @param {unknown} place @param {Options} [options] */
      render: (place, options = {}) => render(kind, find(place), options),
      /** @param {unknown} [which] */
      getResponse: (which) => widget(which)?.check.getResponse() ?? '',
      /** @param {unknown} [which] */
      reset(which) {
        const w = widget(which)
        w?.check.reset()
        for (const input of w?.also ?? []) input.value = ''
      },
      /** From a click. @param {unknown} [which] */
      execute: (which) => widget(which)?.check.execute() ?? Promise.reject(new Error('captcha: nothing was rendered')),
      /** @param {unknown} [which] */
      remove(which) {
        const w = widget(which)
        if (!w) return
        w.check.remove()
        for (const input of w.also) input.remove()
        widgets.delete(w.id)
      },
      /** @param {unknown} [which] */
      isExpired: (which) => !widget(which)?.check.getResponse(),
      /** @param {() => void} f */
      ready: (f) => { parsed.then(f) },
    })
  }

  const parsed = loaded.then(() => new Promise((resolve) => {
    if (document.readyState === 'loading') document.addEventListener('DOMContentLoaded', () => resolve(undefined))
    else resolve(undefined)
  })).then(() => {
    if (ask.get('render') !== 'explicit') {
      for (const kind of kinds) for (const place of document.querySelectorAll('.' + kind.css)) render(kind, place, {})
    }
  })
  parsed.then(() => callable(ask.get('onload'))?.())
})()
