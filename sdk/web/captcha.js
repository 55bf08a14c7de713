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
   * @typedef {{id: string | number, sitekey: unknown, fresh: boolean, place: Element, check: import('./perhuman.js').PerhumanCheck, forget: () => void, also: HTMLInputElement[]}} Widget
   * @typedef {{css: string[], globals: string[], fields: string[], setting?: string, numbered?: boolean}} Kind  classes of elements, names of the global, of the hidden fields and of the option that names the first; numbered: ids of widgets are numbers
   */
  /** @type {Kind} */
  const turnstile = { css: ['cf-turnstile'], globals: ['turnstile'], fields: ['cf-turnstile-response'], setting: 'response-field-name' }
  /** @type {Kind} */
  const hcaptcha = { css: ['h-captcha'], globals: ['hcaptcha'], fields: ['h-captcha-response', 'g-recaptcha-response'] }
  /** @type {Kind} */
  const recaptcha = { css: ['g-recaptcha'], globals: ['grecaptcha'], fields: ['g-recaptcha-response'], numbered: true }
  /** @type {Kind} */
  const own = { css: ['perhuman-captcha'], globals: ['perhumanCaptcha'], fields: ['perhuman-response'] }

  /** Also answers for reCAPTCHA, as these two vendors' scripts can. @param {Kind} kind @param {boolean} also @returns {Kind} */
  const compatible = (kind, also) => (also ? { ...kind, css: [...kind.css, ...recaptcha.css], globals: [...kind.globals, ...recaptcha.globals] } : kind)
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
  const called = { timeout: ['timeout-callback', 'chalexpired-callback'], cancelled: ['close-callback'] }

  /** @param {Kind} kind @param {Element} place @param {Options} options @param {string | number} id @returns {Widget} */
  function make(kind, place, options, id) {
    const o = { ...written(place), ...options }
    const check = /** @type {import('./perhuman.js').PerhumanCheck} */ (document.createElement('perhuman-check'))
    const set = (/** @type {string} */ name, /** @type {unknown} */ value) => { if (value !== undefined && value !== null && value !== 'auto') check.setAttribute(name, String(value)) }
    set('sitekey', o.sitekey)
    set('wallet', o.wallet ?? ask.get('wallet'))
    set('challenge', o.challenge ?? ask.get('challenge') ?? new URL('/v1/challenges', home).href)
    set('lang', o.language ?? o.hl ?? ask.get('hl'))
    set('theme', o.theme)
    if (o['response-field'] !== 'false' && o['response-field'] !== false) set('name', (kind.setting && o[kind.setting]) ?? kind.fields[0])
    const also = kind.fields.slice(1).map((name) => Object.assign(document.createElement('input'), { type: 'hidden', name }))
    const fill = (/** @type {string} */ value) => also.forEach((input) => { input.value = value })
    const tell = (/** @type {string} */ name, /** @type {unknown[]} */ ...args) => callable(o[name])?.(...args)
    const button = place instanceof HTMLButtonElement || place instanceof HTMLInputElement // the page's own asks
    const hidden = button || o.size === 'invisible'
    check.hidden = hidden
    const gone = new AbortController()
    const on = (/** @type {EventTarget} */ target, /** @type {string} */ type, /** @type {(e: any) => void} */ run) => target.addEventListener(type, run, { signal: gone.signal })
    on(check, 'perhuman-verified', ({ detail }) => {
      check.hidden = hidden
      fill(detail.response)
      tell('callback', detail.response)
    })
    on(check, 'perhuman-expired', () => {
      fill('')
      tell('expired-callback')
    })
    on(check, 'perhuman-error', ({ detail: { code } }) => {
      check.hidden = false // what went wrong, and the button that tries again
      for (const name of called[code] ?? []) tell(name)
      tell('error-callback', code)
    })
    on(document, 'reset', (e) => { if (also[0]?.form === e.target) fill('') }) // hidden fields keep what they hold
    if (button) {
      on(place, 'click', (e) => {
        if (check.getResponse?.()) return
        e.preventDefault()
        run(check).catch(() => {})
      })
      place.after(check, ...also)
    } else place.append(check, ...also)
    const forget = () => {
      gone.abort()
      check.remove()
      also.forEach((input) => input.remove())
    }
    return { id, sitekey: o.sitekey, fresh: false, place, check, also, forget }
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
    const reset = (/** @type {unknown} */ which) => {
      const w = widget(which)
      w?.check.reset?.()
      for (const input of w?.also ?? []) input.value = ''
    }
    const keyOf = (/** @type {string} */ response) => response.slice(response.indexOf('.') + 1)
    return {
      render, getResponse, reset,
      /** @param {unknown} [which] @param {{async?: boolean}} [options] */
      execute(which, options) {
        const w = widget(which)
        if (w?.fresh) reset(w.id) // of version 3: each time another answer
        const answer = (w ? run(w.check) : Promise.reject(new Error('captcha: nothing was rendered')))
          .then((response) => (options?.async ? { response, key: keyOf(response) } : response))
        answer.catch(() => {}) // who calls without awaiting has been told by a callback
        return answer
      },
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

  const parsed = loaded.then(() => new Promise((resolve) => {
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
