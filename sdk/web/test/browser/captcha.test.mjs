// Pages written for Turnstile, hCaptcha and reCAPTCHA, whose script comes from
// another address. Markup as the vendors' manuals show it: implicit, explicit,
// on the page's own button.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before } from 'node:test'
import { assertAccessible, launch, skip, watch } from '../support/chromium.mjs'
import { serve } from '../support/site.mjs'
import { test } from '../support/steps.mjs'

const why = skip()
const js = (body) => ({ type: 'text/javascript', body })
/** @param {string} src address of the vendor's script, on the verifier's host @param {string} body */
const page = (src, body) => () => ({
  type: 'text/html; charset=utf-8',
  body: `<!doctype html><html lang="en"><head><title>app</title><script src="/app.js"></script><script src="http://verifier.localhost:${site.port}${src}${src.includes('?') ? '&' : '?'}wallet=http://wallet.localhost:${site.port}" async defer></script></head><body><main><h1>App</h1>${body}</main></body></html>`,
})

let site, context, seen, silent = false, without = false, expires = 300, sample
const asked = []
before(async () => {
  if (why) return
  site = await serve({
    'app /app.js': () => js(`window.told = []
      window.done = (token) => told.push(['done', token])
      window.failed = (code) => told.push(['failed', code])
      addEventListener('submit', (e) => { e.preventDefault(); window.sent = [...new FormData(e.target)] })
      window.onloadTurnstile = () => { window.id = turnstile.render('#place', { sitekey: 'phsite_b', callback: done, theme: 'dark', language: 'de', 'response-field-name': 'token' }) }
      window.onloadHCaptcha = () => { window.id = hcaptcha.render('place', { sitekey: 'phsite_c', callback: done }) }
      window.onSubmit = (token) => { told.push(['done', token]); document.getElementById('form').requestSubmit() }`),
    'app /turnstile': page('/turnstile/v0/api.js', '<form><div class="cf-turnstile" data-sitekey="phsite_a" data-callback="done" data-error-callback="failed" data-theme="light"></div><button>Send</button></form>'),
    'app /turnstile-explicit': page('/turnstile/v0/api.js?onload=onloadTurnstile&render=explicit', '<form><div id="place" class="cf-turnstile"></div><button>Send</button></form>'), // of the class, and yet the page's to render
    'app /hcaptcha': page('/1/api.js', '<form><div class="h-captcha" data-sitekey="phsite_a" data-callback="done"></div><button>Send</button></form>'),
    'app /hcaptcha-explicit': page('/1/api.js?onload=onloadHCaptcha&render=explicit&hl=es', '<form><div id="place"></div><button>Send</button></form>'),
    'app /recaptcha': page('/recaptcha/api.js', '<form><div class="g-recaptcha" data-sitekey="phsite_a" data-callback="done"></div><button>Send</button></form>'),
    'app /recaptcha-button': page('/recaptcha/api.js', '<form id="form"><button class="g-recaptcha" data-sitekey="phsite_a" data-callback="onSubmit">Send</button></form>'),
    // Nothing on it but the script; what the page does is in the test.
    'app /bare': (request) => page(new URL(request.url, 'http://x').searchParams.get('src'), '<form id="form"><div id="place"></div><button id="go">Send</button></form>')(),
    'app /sample': () => sample(),
    'verifier /v1/challenges': (request, body) => {
      asked.push({ ...JSON.parse(body || '{}'), origin: request.headers.origin, method: request.method })
      const open = { 'Access-Control-Allow-Origin': request.headers.origin, 'Access-Control-Allow-Headers': 'Content-Type' }
      return { type: 'application/json', headers: open, body: JSON.stringify({ challenge: 'challenge', action: 'comment', policy: 'per_epoch', k: 20, period: 86400, expires_in: expires, set_size: 300 }) }
    },
    'wallet /': () => ({ type: 'text/html; charset=utf-8', body: '<!doctype html><html lang="en"><title>wallet</title><script type="module" src="/wallet.js"></script></html>' }),
    // A page of the wallet's that was asked nothing.
    'wallet /other': () => ({ type: 'text/html; charset=utf-8', body: '<!doctype html><html lang="en"><title>other</title><script src="/other.js"></script></html>' }),
    'wallet /other.js': () => js(`opener.postMessage({ type: 'perhuman-error', code: 'meddled' }, '*'); opener.postMessage('said', '*')`),
    'verifier /perhuman/perhuman.js': () => (without ? { type: 'text/plain', status: 404, body: '' } : js(readFileSync(new URL('../../perhuman.js', import.meta.url), 'utf8'))),
    'wallet /wallet.js': () => js(silent ? '' : `opener.postMessage({ type: 'perhuman-ready' }, '*')
      addEventListener('message', (event) => {
        if (event.data?.type !== 'perhuman-request') return
        const packed = 'A'.repeat(342) + 'A'
        opener.postMessage({ type: 'perhuman-response', response: packed + '.' + event.data.challenge }, event.origin)
        window.close()
      })`),
  }, { loose: true })
  context = await launch()
  seen = watch(context)
})
after(async () => {
  await context?.close()
  await site?.close()
})

const open = async (path) => {
  const p = await context.newPage()
  await p.goto(`http://app.localhost:${site.port}${path}`)
  return p
}
const token = 'A'.repeat(343) + '.challenge'

for (const [path, fields, global] of [
  ['/turnstile', ['cf-turnstile-response'], 'turnstile'],
  ['/turnstile-explicit', ['token'], 'turnstile'],
  ['/hcaptcha', ['h-captcha-response', 'g-recaptcha-response'], 'hcaptcha'],
  ['/hcaptcha-explicit', ['h-captcha-response', 'g-recaptcha-response'], 'hcaptcha'],
  ['/recaptcha', ['g-recaptcha-response'], 'grecaptcha'],
]) {
  test(`${path}: callback, hidden field, getResponse, reset`, { skip: why, timeout: 30_000 }, async () => {
    const p = await open(path)
    await p.locator('perhuman-check button').waitFor()
    assert.equal(await p.evaluate((g) => globalThis[g].getResponse(), global), '')
    await p.locator('perhuman-check button').click()
    await p.waitForFunction(() => window.told.length > 0)
    assert.deepEqual(await p.evaluate(() => window.told), [['done', token]])
    await p.getByRole('button', { name: 'Send' }).click()
    assert.deepEqual(await p.evaluate(() => window.sent), fields.map((name) => [name, token]))
    assert.equal(await p.evaluate((g) => globalThis[g].getResponse(window.id), global), token)
    assert.equal(await p.evaluate((f) => document.querySelector(`[name="${f}"]`).value, fields[0]), token, 'scripts that read the field by its name')
    await p.evaluate((g) => globalThis[g].reset(window.id), global)
    assert.equal(await p.evaluate((g) => globalThis[g].getResponse(), global), '')
    const { sitekey, origin, action } = asked.filter((a) => a.method === 'POST').at(-1)
    assert.deepEqual([sitekey, origin, action], [{ '/turnstile-explicit': 'phsite_b', '/hcaptcha-explicit': 'phsite_c' }[path] ?? 'phsite_a', `http://app.localhost:${site.port}`, undefined])
    if (!path.includes('explicit')) await assertAccessible(p, path)
    await p.evaluate((g) => globalThis[g].remove(window.id), global)
    assert.equal(await p.locator('perhuman-check').count(), 0)
    await p.close()
  })
}

test("the page's own button asks, and its callback sends the form", { skip: why, timeout: 30_000 }, async () => {
  const p = await open('/recaptcha-button')
  await p.locator('perhuman-check').waitFor({ state: 'attached' })
  await p.getByRole('button', { name: 'Send' }).click()
  await p.waitForFunction(() => window.sent)
  assert.deepEqual(await p.evaluate(() => window.sent), [['g-recaptcha-response', token]])
  await p.close()
})

test('languages and themes by the vendors’ options; nothing complains', { skip: why, timeout: 30_000 }, async () => {
  const p = await open('/turnstile-explicit')
  await p.getByRole('button', { name: 'Bestätigen, dass Sie ein Mensch sind' }).waitFor()
  assert.equal(await p.locator('perhuman-check').getAttribute('theme'), 'dark')
  await p.goto(`http://app.localhost:${site.port}/hcaptcha-explicit`)
  await p.getByRole('button', { name: 'Confirme que es una persona' }).waitFor()
  await p.close()
  assert.deepEqual(seen.complaints, [])
})

/** A page with a vendor's script and nothing else. @param {string} src @param {any} [browser] @param {() => void} [first] runs before any script of the page */
const bare = async (src, browser = context, first = () => {}) => {
  const p = await browser.newPage()
  await p.addInitScript(first)
  await p.goto(`http://app.localhost:${site.port}/bare?src=${encodeURIComponent(src)}`)
  return p
}
const globals = (p) => p.evaluate(() => ['turnstile', 'hcaptcha', 'grecaptcha', 'perhumanCaptcha'].filter((name) => name in globalThis))

test('reCAPTCHA v3 and Enterprise: no place on the page, a promise, another token each time', { skip: why, timeout: 30_000 }, async () => {
  const p = await bare('/recaptcha/enterprise.js?render=0key')
  await p.locator('perhuman-check').waitFor({ state: 'attached' })
  assert.deepEqual(await globals(p), ['grecaptcha'])
  await p.evaluate(() => {
    window.fresh = []
    document.getElementById('go').addEventListener('click', (e) => {
      e.preventDefault()
      grecaptcha.enterprise.ready(() => {})
      grecaptcha.enterprise.execute('0key', { action: 'buy' }).then((token) => window.fresh.push(token))
    })
  })
  for (const n of [1, 2]) {
    const before = asked.length
    await p.locator('#go').click()
    await p.waitForFunction((want) => window.fresh.length === want, n)
    assert.ok(asked.slice(before).some((a) => a.sitekey === '0key'), 'an answer of before was given again')
  }
  assert.deepEqual(await p.evaluate(() => window.fresh), [token, token])
  assert.equal(await p.locator('[name]').count(), 0, 'version 3 has no field')
  await p.close()
})

test('Google’s loading snippet is drained; ids are numbers; a second render and a second script change nothing', { skip: why, timeout: 30_000 }, async () => {
  const p = await bare('/recaptcha/api.js?render=explicit', context, () => {
    window.___grecaptcha_cfg = { fns: [() => { window.drained = typeof grecaptcha.render }] }
    window.grecaptcha = { ready: (f) => window.___grecaptcha_cfg.fns.push(f) }
  })
  await p.waitForFunction(() => window.drained === 'function')
  const ids = await p.evaluate(() => [grecaptcha.render('place', { sitekey: 'a', callback: done }), grecaptcha.render('place', { sitekey: 'a' })])
  assert.deepEqual(ids, [0, 0])
  const src = await p.evaluate(() => {
    const again = document.createElement('script')
    again.src = document.querySelector('script[src*=recaptcha]').src + '&onload=later'
    window.later = () => { window.loadedAgain = true }
    document.head.append(again)
    return again.src
  })
  await p.waitForFunction(() => window.loadedAgain, src)
  assert.equal(await p.locator('perhuman-check').count(), 1)
  await p.locator('perhuman-check button').click()
  await p.waitForFunction(() => window.told.length > 0)
  assert.deepEqual(await p.evaluate(() => [grecaptcha.getResponse(0), grecaptcha.getResponse('place'), grecaptcha.getResponse(7)]), [token, token, ''])
  await p.evaluate(() => { grecaptcha.execute('nobody') }) // not awaited: no complaint
  await p.close()
})

test('hCaptcha: promises with keys, its reCAPTCHA names or not, a form that is reset', { skip: why, timeout: 30_000 }, async () => {
  const off = await bare('/1/api.js?recaptchacompat=off&render=explicit')
  await off.waitForFunction(() => 'hcaptcha' in globalThis)
  assert.deepEqual(await globals(off), ['hcaptcha'])
  await off.close()
  const p = await bare('/1/api.js?render=explicit')
  await p.waitForFunction(() => 'hcaptcha' in globalThis)
  assert.deepEqual(await globals(p), ['hcaptcha', 'grecaptcha'])
  await p.evaluate(() => {
    // At once, as loaders do: the element may not be there yet.
    window.id = hcaptcha.render('place', { sitekey: 'b', size: 'invisible' })
    if (hcaptcha.getResponse(window.id) !== '') throw new Error()
    hcaptcha.setData(window.id, {})
    document.getElementById('go').addEventListener('click', (e) => {
      e.preventDefault()
      hcaptcha.execute(window.id, { async: true }).then((answer) => { window.answer = answer })
    })
  })
  await p.locator('#go').click()
  await p.waitForFunction(() => window.answer)
  assert.deepEqual(await p.evaluate(() => [window.answer, hcaptcha.getRespKey(window.id)]), [{ response: token, key: 'challenge' }, 'challenge'])
  await p.evaluate(() => document.getElementById('form').reset())
  assert.deepEqual(await p.evaluate(() => [...new FormData(document.getElementById('form'))].filter(([, value]) => value)), [])
  await p.close()
})

test('Turnstile: “auto” is the page’s language; a widget without a surface shows itself when no window may open, and answers then', { skip: why, timeout: 60_000 }, async () => {
  const strict = await launch({ blocking: true })
  try {
    // Not by way of the driver: what it evaluates counts as the person's doing.
    const blocked = new Promise((resolve) => strict.on('console', (m) => m.text() === 'popup_blocked' && resolve(undefined)))
    const p = await bare('/turnstile/v0/api.js?render=explicit', strict, () => {
      addEventListener('load', () => {
        document.documentElement.lang = 'de'
        turnstile.render('#place', { sitekey: 'c', size: 'invisible', language: 'auto', theme: 'auto', 'error-callback': (code) => console.log(code) })
        turnstile.execute('#place').then((response) => { window.late = response })
      })
    })
    await blocked
    const again = p.locator('perhuman-check button')
    await again.waitFor()
    assert.deepEqual(await globals(p), ['turnstile'])
    await p.waitForFunction(() => document.querySelector('perhuman-check').shadowRoot.querySelector('[role=status]').textContent.includes('Fenster'))
    await again.click()
    await p.waitForFunction(() => window.late)
    assert.equal(await p.evaluate(() => window.late), token)
    assert.ok(await again.isHidden())
  } finally {
    await strict.close()
  }
})

test('Turnstile: compat=recaptcha, callbacks around the question, execute() that renders, tabindex; options of others change nothing', { skip: why, timeout: 30_000 }, async () => {
  const p = await bare('/turnstile/v0/api.js?compat=recaptcha&render=explicit')
  await p.waitForFunction(() => 'turnstile' in globalThis)
  assert.deepEqual(await globals(p), ['turnstile', 'grecaptcha'])
  await p.evaluate(() => {
    const note = (name) => [name, (...args) => window.told.push([name, ...args])]
    turnstile.render('place', {
      sitekey: 'd', callback: 'done', tabindex: 3, action: 'buy', cData: 'x', size: 'flexible', appearance: 'interaction-only', retry: 'never', 'retry-interval': 1, 'refresh-expired': 'never', 'feedback-enabled': false,
      ...Object.fromEntries(['before-interactive-callback', 'after-interactive-callback', 'unsupported-callback', 'error-callback', 'timeout-callback'].map(note)),
    })
    document.getElementById('form').prepend(Object.assign(document.createElement('div'), { id: 'other' }))
  })
  await p.locator('#place button').click()
  await p.waitForFunction(() => window.told.length === 3)
  assert.deepEqual(await p.evaluate(() => window.told), [['before-interactive-callback'], ['after-interactive-callback'], ['done', token]])
  const before = asked.length
  assert.equal(await p.evaluate(() => turnstile.execute('place')), token)
  assert.deepEqual([asked.length, (await p.evaluate(() => window.told)).length], [before, 3], 'an answer was there, and another was asked for')
  assert.deepEqual(await p.evaluate(() => ['cf-turnstile-response', 'g-recaptcha-response'].map((name) => document.querySelector(`input[type=hidden][name=${name}]`).value)), [token, token])
  assert.equal(await p.evaluate(() => document.querySelector('#place perhuman-check').tabIndex), 3)
  expires = 1
  const answer = await p.evaluate(() => turnstile.execute('#other', { sitekey: 'e', 'response-field-name': 'second', 'expired-callback': () => { window.expired = turnstile.isExpired('#other') } }))
  expires = 300
  assert.deepEqual([answer, asked.at(-1).sitekey], [token, 'e'])
  await p.waitForFunction(() => window.expired === true)
  assert.deepEqual(await p.evaluate(() => [...new FormData(document.getElementById('form'))]), [['second', ''], ['g-recaptcha-response', ''], ['cf-turnstile-response', token], ['g-recaptcha-response', token]])
  await p.close()
})

test('hCaptcha: its names for what went wrong, open and close, a theme that is an object; fields are its kind', { skip: why, timeout: 30_000 }, async () => {
  const p = await bare('/1/api.js?render=explicit')
  await p.waitForFunction(() => 'hcaptcha' in globalThis)
  silent = true
  const window_ = context.waitForEvent('page')
  await p.evaluate(() => {
    const note = (name) => [name, (...args) => window.told.push([name, ...args])]
    hcaptcha.render('place', { sitekey: 'f', theme: { palette: { mode: 'dark' } }, ...Object.fromEntries(['open-callback', 'close-callback', 'error-callback', 'chalexpired-callback'].map(note)) })
    document.getElementById('go').addEventListener('click', (e) => {
      e.preventDefault()
      hcaptcha.execute({ async: true }).catch((code) => { window.why = code })
    })
  })
  await p.locator('#go').click()
  const asking = await window_
  // Asked once more meanwhile: it is the same question.
  assert.deepEqual(await p.evaluate(() => hcaptcha.execute({ async: true }).catch((code) => [code, window.told])), ['busy', [['open-callback']]])
  // Another window of the wallet's origin is not heard.
  await p.evaluate((url) => new Promise((resolve) => {
    addEventListener('message', (e) => { if (e.data === 'said') resolve(e.source.close()) })
    open(url)
  }), `http://wallet.localhost:${site.port}/other`)
  await asking.close()
  silent = false
  await p.waitForFunction(() => window.why)
  assert.equal(await p.evaluate(() => window.why), 'challenge-closed')
  assert.deepEqual(await p.evaluate(() => window.told), [['open-callback'], ['close-callback'], ['error-callback', 'challenge-closed']])
  assert.equal(await p.locator('perhuman-check').getAttribute('theme'), 'dark')
  assert.deepEqual(await p.evaluate(() => [...document.querySelectorAll('textarea')].map(({ name, id, offsetWidth }) => [name, id, offsetWidth])), [['h-captcha-response', 'h-captcha-response-hcaptcha-0', 0], ['g-recaptcha-response', 'g-recaptcha-response-hcaptcha-0', 0]])
  await p.close()
})

test('reCAPTCHA: several widgets, each with its field; its own button asks again, and after the answer tells it again', { skip: why, timeout: 30_000 }, async () => {
  const p = await bare('/recaptcha/api.js?render=explicit')
  await p.waitForFunction(() => 'grecaptcha' in globalThis)
  await p.evaluate(() => {
    const go = document.getElementById('go')
    go.before(Object.assign(document.createElement('div'), { id: 'other' }))
    window.ids = [grecaptcha.render('place', { sitekey: 'g', size: 'compact' }), grecaptcha.render(document.getElementById('other'), { sitekey: 'h' }), grecaptcha.render('go', { sitekey: 'i', callback: (token) => { told.push(token); go.click() } })]
  })
  await p.locator('#other button').click()
  await p.waitForFunction(() => grecaptcha.getResponse(window.ids[1]))
  assert.deepEqual(await p.evaluate(() => ['g-recaptcha-response', 'g-recaptcha-response-1', 'g-recaptcha-response-2'].map((id) => document.getElementById(id).value)), ['', token, ''])
  await p.evaluate(() => grecaptcha.reset(1))
  assert.equal(await p.evaluate(() => document.getElementById('g-recaptcha-response-1').value), '')
  // The callback's own click is the page's: the form is sent, once for each click of the person.
  for (const n of [1, 2]) {
    await p.evaluate(() => { window.sent = null })
    await p.locator('#go').click()
    await p.waitForFunction(() => window.sent)
    assert.deepEqual(await p.evaluate(() => window.told), Array(n).fill(token))
    assert.deepEqual((await p.evaluate(() => window.sent)).filter(([, value]) => value), [['g-recaptcha-response', token]])
  }
  // Version 3 in a place of its own: each time another answer.
  for (const n of [1, 2]) {
    const before = asked.length
    await p.evaluate(() => { grecaptcha.execute(0, { action: 'buy' }).then(() => { window.times = (window.times ?? 0) + 1 }) })
    await p.waitForFunction((want) => window.times === want, n)
    assert.ok(asked.length > before)
  }
  await p.close()
  assert.deepEqual(seen.complaints, [])
})

test('a script that does not come, a browser that is too old: told by the callbacks', { skip: why, timeout: 30_000 }, async () => {
  without = true
  const first = seen.complaints.length
  const p = await open('/turnstile')
  await p.waitForFunction(() => window.told.length > 0)
  assert.deepEqual(await p.evaluate(() => window.told), [['failed', 'network']])
  await p.close()
  without = false
  seen.complaints.splice(first) // of the file that was not there
  const old = await bare('/turnstile/v0/api.js?render=explicit', context, () => { delete Promise.withResolvers })
  await old.waitForFunction(() => 'turnstile' in globalThis)
  await old.evaluate(() => { turnstile.render('place', { sitekey: 'j', 'unsupported-callback': () => window.told.push('unsupported') }) })
  await old.waitForFunction(() => window.told.length > 0)
  assert.deepEqual(await old.evaluate(() => window.told), ['unsupported'])
  await old.close()
})

/** Further pages as the vendors' manuals have them: what a person does is one click on the page's button. */
const samples = {
  'reCAPTCHA, invisible, asked by the form’s own script': ['/recaptcha/api.js', '<form id="form"><div class="g-recaptcha" data-sitekey="s" data-callback="onSubmit" data-size="invisible"></div><button id="go">Send</button></form>', 'g-recaptcha-response', 'grecaptcha'],
  'reCAPTCHA version 3 on a button, with an action': ['/recaptcha/api.js', '<form id="form"><button id="go" class="g-recaptcha" data-sitekey="s" data-callback="onSubmit" data-action="submit">Send</button></form>', 'g-recaptcha-response'],
  'hCaptcha, invisible, on a button': ['/1/api.js', '<form id="form"><button id="go" class="h-captcha" data-sitekey="s" data-callback="onSubmit">Send</button></form>', 'h-captcha-response'],
  'hCaptcha in place of reCAPTCHA': ['/1/api.js', '<form id="form"><input id="go" type="submit" class="g-recaptcha" data-sitekey="s" data-callback="onSubmit" value="Send"></form>', 'g-recaptcha-response'],
  'Turnstile, asked when the page says so': ['/turnstile/v0/api.js', '<form id="form"><div class="cf-turnstile" data-sitekey="s" data-callback="onSubmit" data-execution="execute" data-appearance="execute"></div><button id="go">Send</button></form>', 'cf-turnstile-response', 'turnstile'],
}
for (const [name, [src, body, field, global]] of Object.entries(samples)) {
  test(name, { skip: why || (process.env.PERHUMAN_LONG ? false : 'PERHUMAN_LONG=1 opens more of the vendors’ sample pages'), timeout: 30_000 }, async () => {
    sample = page(src, body)
    const p = await open('/sample')
    await p.locator('perhuman-check').waitFor({ state: 'attached' })
    if (global) {
      await p.evaluate((g) => document.getElementById('go').addEventListener('click', (e) => {
        e.preventDefault()
        globalThis[g].execute()
      }), global)
    }
    await p.locator('#go').click()
    await p.waitForFunction(() => window.sent)
    assert.equal(new Map(await p.evaluate(() => window.sent)).get(field), token)
    assert.equal(asked.at(-1).sitekey, 's')
    await p.close()
  })
}

test('what was removed asks no more', { skip: why, timeout: 30_000 }, async () => {
  const p = await open('/recaptcha-button')
  await p.locator('perhuman-check').waitFor({ state: 'attached' })
  await p.evaluate(() => grecaptcha.remove())
  const before = asked.length
  await p.getByRole('button', { name: 'Send' }).click()
  await p.waitForFunction(() => window.sent)
  assert.deepEqual([await p.evaluate(() => window.sent), asked.length], [[], before])
  await p.close()
  assert.deepEqual(seen.complaints, [])
})
