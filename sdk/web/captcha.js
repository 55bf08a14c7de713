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
// A script at a vendor's path serves that vendor's pages alone, and leaves the
// others' globals to others; one at any other path serves all of them.
//
// What a person must do is different: a click opens the wallet. A widget without
// a surface (data-size=invisible, or reCAPTCHA v3) that is asked without a click
// shows itself, and answers when it is clicked.
;(() => {
  const script = /** @type {HTMLScriptElement} */ (document.currentScript)
  const home = new URL(script.src)
  const ask = home.searchParams

  /**
   * @typedef {Record<string, unknown>} Options of a widget, by their names in the vendors' render()
   * @typedef {{id: string | number, sitekey: unknown, fresh: boolean, place: Element, check: import('./perhuman.js').PerhumanCheck, forget: () => void}} Widget
   * @typedef {{css: string[], globals: string[], fields: string[], made?: 'textarea', setting?: string, numbered?: boolean, codes?: Record<string, string>}} Kind  classes of elements, names of the global, of the hidden fields and of the option that names the first; made: what those fields are, if not inputs; numbered: ids of widgets are numbers; codes: their names for ours
   */
  /** @type {Kind} */
  const turnstile = { css: ['cf-turnstile'], globals: ['turnstile'], fields: ['cf-turnstile-response'], setting: 'response-field-name' }
  /** @type {Kind} */
  const hcaptcha = { css: ['h-captcha'], globals: ['hcaptcha'], fields: ['h-captcha-response', 'g-recaptcha-response'], made: 'textarea', codes: { cancelled: 'challenge-closed', timeout: 'challenge-expired', network: 'network-error' } }
  /** @type {Kind} */
  const recaptcha = { css: ['g-recaptcha'], globals: ['grecaptcha'], fields: ['g-recaptcha-response'], made: 'textarea', numbered: true }
  /** @type {Kind} */
  const own = { css: ['perhuman-captcha'], globals: ['perhumanCaptcha'], fields: ['perhuman-response'] }

  /** Also answers for reCAPTCHA, as these two vendors' scripts can. @param {Kind} kind @param {boolean} also @returns {Kind} */
  const compatible = (kind, also) => (also ? { ...kind, css: [...kind.css, ...recaptcha.css], globals: [...kind.globals, ...recaptcha.globals], fields: [...new Set([...kind.fields, ...recaptcha.fields])] } : kind)
  const kinds = home.pathname.startsWith('/turnstile/') ? [compatible(turnstile, ask.get('compat') === 'recaptcha')]
    : home.pathname.startsWith('/1/') ? [compatible(hcaptcha, ask.get('recaptchacompat') !== 'off')]
      : home.pathname.startsWith('/recaptcha/') ? [recaptcha] : [turnstile, hcaptcha, recaptcha, own]

  /** Set as soon as the element can be used. @type {Promise<unknown>} */
  const loaded = import(new URL('/perhuman/perhuman.js', home).href)

  /** A callback: a function, or the name of a global one. @param {unknown} f */
  const callable = (f) => (typeof f === 'function' ? f : typeof f === 'string' ? Reflect.get(globalThis, f) : undefined)

  /** The options that stand on an element. @param {Element} place @returns {Options} */
  const written = (place) => Object.fromEntries([...place.attributes].filter((a) => a.name.startsWith('data-')).map((a) => [a.name.slice(5), a.value]))

  /** What else a failure is called. @type {Record<string, string[]>} */
  const called = { timeout: ['timeout-callback', 'chalexpired-callback'], cancelled: ['close-callback'], unsupported: ['unsupported-callback'] }

  /** hCaptcha's themes can be objects: of theirs we take light or dark, for of colours the contrast counts. @param {any} theme */
  const themeOf = (theme) => (theme && typeof theme === 'object' ? theme.palette?.mode : theme)

  /** @param {Kind} kind @param {Element} place @param {Options} options @param {string | number} id @returns {Widget} */
  function make(kind, place, options, id) {
    const o = { ...written(place), ...options }
    const check = /** @type {import('./perhuman.js').PerhumanCheck} */ (document.createElement('perhuman-check'))
    const set = (/** @type {string} */ name, /** @type {unknown} */ value) => { if (value !== undefined && value !== null && value !== 'auto') check.setAttribute(name, String(value)) }
    set('sitekey', o.sitekey)
    set('wallet', o.wallet ?? ask.get('wallet'))
    set('challenge', o.challenge ?? ask.get('challenge') ?? new URL('/v1/challenges', home).href)
    set('lang', o.language ?? o.hl ?? ask.get('hl'))
    set('theme', themeOf(o.theme))
    set('tabindex', o.tabindex)
    // Of the vendors' kind, not the element itself: pages look for an input, and libraries send nothing else.
    const fields = o['response-field'] === 'false' || o['response-field'] === false ? [] : kind.fields.map((usual, i) => {
      const name = String((i === 0 && kind.setting && o[kind.setting]) || usual)
      const field = Object.assign(document.createElement(kind.made ?? 'input'), { name, id: id === 0 ? name : `${name}-${id}` })
      if (field instanceof HTMLInputElement) field.type = 'hidden'
      field.style.display = 'none' // a page's own rule for every textarea does not bring it out
      return field
    })
    const fill = (/** @type {string} */ value) => fields.forEach((field) => { field.value = value })
    const tell = (/** @type {string} */ name, /** @type {unknown[]} */ ...args) => callable(o[name])?.(...args)
    // Set before or after the upgrade, these stand before the element's own: whoever asks or resets, the page, its form or a person.
    const own = () => Object.getPrototypeOf(check)
    let asking = false
    check.execute = async (how) => {
      const first = !asking && !check.getResponse() && !check.matches(':disabled')
      if (first) for (const name of ['open-callback', 'before-interactive-callback']) tell(name)
      asking ||= first
      return own().execute.call(check, how).finally(() => { if (first) asking = false })
    }
    check.reset = () => {
      own().reset?.call(check)
      fill('')
    }
    const button = place instanceof HTMLButtonElement || place instanceof HTMLInputElement // the page's own asks
    const hidden = button || o.size === 'invisible'
    check.hidden = hidden
    let telling = false
    const answered = (/** @type {string} */ response) => {
      telling = true
      try {
        tell('callback', response)
      } finally {
        telling = false
      }
    }
    const gone = new AbortController()
    const on = (/** @type {EventTarget} */ target, /** @type {string} */ type, /** @type {(e: any) => void} */ run) => target.addEventListener(type, run, { signal: gone.signal })
    on(check, 'perhuman-verified', ({ detail }) => {
      check.hidden = hidden
      fill(detail.response)
      tell('after-interactive-callback')
      answered(detail.response)
    })
    on(check, 'perhuman-expired', () => {
      fill('')
      tell('expired-callback')
    })
    on(check, 'perhuman-error', ({ detail: { code } }) => {
      check.hidden = false // what went wrong, and the button that tries again
      for (const name of ['after-interactive-callback', ...called[code] ?? []]) tell(name)
      tell('error-callback', kind.codes?.[code] ?? code)
    })
    // No click can be answered: the script is not there, or is too new for this browser.
    const able = typeof Promise.withResolvers === 'function'
    loaded.then(() => able || Promise.reject()).catch(() => check.dispatchEvent(new CustomEvent('perhuman-error', { detail: { code: able ? 'network' : 'unsupported' } })))
    if (button) {
      on(place, 'click', (e) => {
        const response = check.getResponse?.()
        if (telling || response && !callable(o.callback)) return // the page's click, or the form's
        e.preventDefault()
        if (response) answered(response)
        else run(check).catch(() => {})
      })
      place.after(check, ...fields)
    } else place.append(check, ...fields)
    const forget = () => {
      gone.abort()
      for (const made of [check, ...fields]) made.remove()
    }
    return { id, sitekey: o.sitekey, fresh: false, place, check, forget }
  }

  /** Asks; who is not let open a window waits for the person's click. @param {import('./perhuman.js').PerhumanCheck} check @returns {Promise<string>} */
  async function run(check) {
    if (!check.getResponse) await loaded
    return check.execute().catch((/** @type {any} */ err) => {
      if (err.code !== 'popup_blocked') throw err
      return new Promise((resolve) => check.addEventListener('perhuman-verified', (e) => resolve(/** @type {any} */ (e).detail.response), { once: true }))
    })
  }

  /** @param {string} selector @param {(selector: string) => any} use what is no selector finds nothing */
  function selected(selector, use) {
    try {
      return use(selector)
    } catch {
      return null
    }
  }

  /** @param {unknown} place an element, its id, or a selector */
  function find(place) {
    const found = place instanceof Element ? place : document.getElementById(String(place)) ?? selected(String(place), (s) => document.querySelector(s))
    if (!found) throw new Error(`captcha: no element ${place}`)
    return found
  }

  /** The global of a kind of pages. @param {Kind} kind */
  function api(kind) {
    /** @type {Widget[]} */
    const widgets = []
    let made = 0
    /** The widget that is meant: by its name, its element, its site key, or else the first. @param {unknown} [which] */
    const widget = (which) => (which === undefined || which === null ? widgets[0]
      : widgets.find((w) => w.id === which || w.place === which || String(w.id) === which || w.place.id === which)
        ?? (typeof which === 'string' ? widgets.find((w) => w.sitekey === which || selected(which, (s) => w.place.matches(s))) : undefined))
    /** A second time into one element is the same widget. @param {unknown} place @param {Options} [options] @returns {string | number} */
    const render = (place, options = {}) => {
      const at = find(place), there = widgets.find((w) => w.place === at)
      if (there) return there.id
      const w = make(kind, at, options, kind.numbered ? made++ : `${kind.globals[0]}-${made++}`)
      widgets.push(w)
      return w.id
    }
    const getResponse = (/** @type {unknown} */ which) => widget(which)?.check.getResponse?.() ?? ''
    const reset = (/** @type {unknown} */ which) => { widget(which)?.check.reset() }
    const keyOf = (/** @type {string} */ response) => response.slice(response.indexOf('.') + 1)
    /** Turnstile's also renders; the first argument can be left out. @param {unknown} [which] @param {Options} [options] @returns {Promise<unknown>} */
    const execute = (which, options) => {
      if (which && typeof which === 'object' && !(which instanceof Element)) return execute(null, /** @type {Options} */ (which))
      const w = widget(which) ?? (options?.sitekey ? widget(render(which, options)) : undefined)
      if (w?.fresh || w && kind.numbered && options?.action) reset(w.id) // of version 3: each time another answer
      const answer = (w ? run(w.check) : Promise.reject(new Error('captcha: nothing was rendered')))
        .then((response) => (options?.async ? { response, key: keyOf(response) } : response), (err) => { throw kind.codes && err.code ? kind.codes[err.code] ?? err.code : err })
      answer.catch(() => {}) // who calls without awaiting has been told by a callback
      return answer
    }
    return {
      render, getResponse, reset, execute,
      /** @param {unknown} [which] */
      remove(which) {
        const w = widget(which)
        if (!w) return
        w.forget()
        widgets.splice(widgets.indexOf(w), 1)
      },
      isExpired: (/** @type {unknown} */ which) => !getResponse(which),
      getRespKey: (/** @type {unknown} */ which) => keyOf(getResponse(which)),
      setData() {}, // for a score that nobody computes
      ready: (/** @type {() => void} */ f) => { parsed.then(f) },
      /** A widget for a page that has no place for one: reCAPTCHA v3. @param {string} sitekey */
      everywhere(sitekey) {
        const w = widget(render(document.body.appendChild(document.createElement('div')), { sitekey, size: 'invisible', 'response-field': false }))
        if (w) w.fresh = true
      },
    }
  }

  const mark = Symbol.for('perhuman-captcha')
  const render = ask.get('render')
  /** Made by this script: one that was loaded before stays. @type {[Kind, ReturnType<typeof api>][]} */
  const mine = []
  for (const kind of kinds) {
    if (Reflect.get(globalThis, kind.globals[0])?.[mark]) continue
    const { everywhere, ...made } = api(kind)
    const shown = Object.assign(made, { [mark]: true })
    for (const name of kind.globals) Reflect.set(globalThis, name, kind === recaptcha ? Object.assign(shown, { enterprise: made }) : shown)
    mine.push([kind, { ...made, everywhere }])
  }

  const parsed = loaded.catch(console.error).then(() => new Promise((resolve) => {
    if (document.readyState === 'loading') document.addEventListener('DOMContentLoaded', () => resolve(undefined))
    else resolve(undefined)
  })).then(() => {
    for (const [kind, { render: draw, everywhere }] of mine) {
      if (kind === recaptcha && render && !['explicit', 'onload'].includes(render)) everywhere(render)
      if (render !== 'explicit') for (const css of kind.css) for (const place of document.querySelectorAll('.' + css)) draw(place)
    }
  })
  parsed.then(() => {
    // What Google's loading snippet has queued.
    if (mine.some(([kind]) => kind === recaptcha)) for (const f of Reflect.get(globalThis, '___grecaptcha_cfg')?.fns?.splice(0) ?? []) f()
    callable(ask.get('onload'))?.()
  })
})()
