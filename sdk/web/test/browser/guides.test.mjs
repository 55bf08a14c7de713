// The HTML blocks of the manual, as they stand: each in a page of
// https://forum.example, with the widget and the script that the verifier
// serves, and a wallet that answers. A person presses, and the form is sent.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import http from 'node:http'
import { after, before } from 'node:test'
import { launch, skip, watch } from '../support/chromium.mjs'
import { serve } from '../support/site.mjs'
import { test } from '../support/steps.mjs'

const why = skip()
const folder = new URL('../../../../docs/', import.meta.url)
const html = (body) => ({ type: 'text/html; charset=utf-8', body })

/** What must come to the server of each block: action or site key that the challenge is asked for by, and the field. */
const expected = {
  'hand-over.md 1': { asks: { action: 'post' }, field: 'perhuman-response', second: 'Use your phone' },
  'integrate-go.md 1': { asks: { action: 'post' }, field: 'perhuman-response' },
  'integrate-http.md 1': { asks: { action: 'post' }, field: 'perhuman-response' },
  'replace-captcha.md 1': { asks: { sitekey: 'phsite_...' }, field: 'cf-turnstile-response' },
  'replace-captcha.md 2': { asks: { sitekey: 'phsite_...' }, field: 'cf-turnstile-response' },
}

const blocks = []
for (const page of readdirSync(folder).filter((name) => name.endsWith('.md')).sort()) {
  const text = readFileSync(new URL(page, folder), 'utf8')
  let n = 0
  for (const [, block] of text.matchAll(/^```html\n(.*?)^```$/gms)) blocks.push([`${page} ${++n}`, block])
}

let site, context, seen
const asked = []
before(async () => {
  if (why) return
  const challenge = (request, body) => {
    const open = { 'Access-Control-Allow-Origin': request.headers.origin ?? '', 'Access-Control-Allow-Headers': 'Content-Type' }
    if (request.method === 'POST') asked.push(JSON.parse(body))
    return { type: 'application/json', headers: open, body: JSON.stringify({ challenge: 'challenge', action: 'post', policy: 'per_epoch', k: 5, period: 86400, expires_in: 300, set_size: 300 }) }
  }
  site = await serve({
    'verifier /v1/challenges': challenge,
    'forum /perhuman/challenge': challenge,
    ...Object.fromEntries(blocks.map(([page, block], n) => [`forum /block-${n}`, () => html(
      `<!doctype html><html lang="en"><head><title>${page}</title><script src="/done.js"></script></head><body>${block.includes('<form') ? block : `<form>${block}<button>Send</button></form>`}</body></html>`)])),
    'forum /done.js': () => ({ type: 'text/javascript', body: "window.done = () => {}\naddEventListener('submit', (e) => { e.preventDefault(); window.sent = [...new FormData(e.target)] })" }),
    'wallet /': () => html('<!doctype html><html lang="en"><title>wallet</title><script type="module" src="/wallet.js"></script></html>'),
    'wallet /wallet.js': () => ({ type: 'text/javascript', body: `opener.postMessage({ type: 'perhuman-ready' }, '*')
      addEventListener('message', (event) => {
        if (event.data?.type !== 'perhuman-request') return
        opener.postMessage({ type: 'perhuman-response', response: 'A'.repeat(343) + '.' + event.data.challenge }, event.origin)
        window.close()
      })` }),
  }, { loose: true })
  context = await launch()
  seen = watch(context)
  // The hosts of the examples, wherever they are.
  await context.route(/^https:\/\/(forum|verifier|wallet)\.example\//, async (route) => {
    const at = new URL(route.request().url())
    const request = route.request()
    const answer = await new Promise((resolve, reject) => {
      const sent = http.request({ host: '127.0.0.1', port: site.port, path: at.pathname + at.search, method: request.method(), headers: { ...request.headers(), host: at.host } }, async (got) => {
        const parts = []
        for await (const part of got) parts.push(part)
        resolve({ status: got.statusCode, headers: got.headers, body: Buffer.concat(parts) })
      })
      sent.on('error', reject)
      sent.end(request.postData() ?? undefined)
    })
    const headers = Object.fromEntries(Object.entries(answer.headers).filter(([name]) => !/^(content-length|transfer-encoding|connection|keep-alive|date)$/.test(name)))
    await route.fulfill({ status: answer.status, headers, body: answer.body })
  })
})
after(async () => {
  await context?.close()
  await site?.close()
})

test('every HTML block of the manual is known here', () => {
  assert.deepEqual(blocks.map(([page]) => page), Object.keys(expected))
})

for (const [n, [page]] of blocks.entries()) {
  test(`the block of ${page} asks a person and sends the answer`, { skip: why, timeout: 60_000 }, async () => {
    const want = expected[page]
    const p = await context.newPage()
    await p.goto(`https://forum.example/block-${n}`)
    if (want.second) await p.getByRole('button', { name: want.second }).waitFor()
    const [popup] = await Promise.all([p.waitForEvent('popup'), p.locator('perhuman-check button').first().click()])
    assert.equal(new URL(popup.url() === 'about:blank' ? 'https://wallet.example' : popup.url()).host, 'wallet.example')
    await p.waitForFunction((field) => new FormData(document.querySelector('form')).get(field), want.field)
    await p.evaluate(() => document.querySelector('form').requestSubmit())
    await p.waitForFunction(() => window.sent)
    const sent = Object.fromEntries(await p.evaluate(() => window.sent))
    assert.match(sent[want.field], /^A{343}\./)
    for (const [name, value] of Object.entries(want.asks)) assert.equal(asked.at(-1)[name], value)
    await p.close()
    assert.deepEqual(seen.complaints, [])
  })
}
