// The wallet's side of the messages between an app's page and a wallet, with a
// developer in the place of the person. A question comes from the window that
// opened this one, or by the address in a code: /?phone#key.

import { boxOf, open, readLink, seal } from '/perhuman/relay.js'

/** @param {string} id */
const el = (id) => /** @type {HTMLElement} */ (document.getElementById(id))

const markup = `<script type="module" src="/perhuman/perhuman.js"></script>\n<perhuman-check action="post" wallet="${location.origin}"></perhuman-check>`
el('markup').textContent = markup
el('here').textContent = location.origin

const opener = /** @type {Window | null} */ (window.opener)
const { people } = await (await fetch('/dev/people')).json()

/** @typedef {{type: string, code?: string, response?: string}} Message */
/** @type {{origin: string, data: any, tell: (message: Message) => Promise<void>} | undefined} */
let asked
let spoilt = false

if (new URLSearchParams(location.search).has('phone')) {
  const { hash } = location
  history.replaceState(null, '', '/') // the key stays out of the history
  relayed(hash).catch((err) => {
    el('trouble').textContent = err instanceof TypeError ? 'This address is not complete.' : `There is no question here: ${err.message}. An address is good for one read, within five minutes.`
    el('trouble').hidden = false
  })
} else if (opener) {
  addEventListener('message', (event) => {
    if (event.source !== opener || event.data?.type !== 'perhuman-request') return
    if (asked === undefined) show(event.origin, event.data, async (message) => opener.postMessage(message, event.origin))
    else if (event.origin !== asked.origin) opener.postMessage({ type: 'perhuman-error', code: 'origin_refused' }, event.origin)
  })
  opener.postMessage({ type: 'perhuman-ready' }, '*') // says nothing but that this window listens
}

/** The one question of a code's address, which is then gone from the relay. @param {string} hash */
async function relayed(hash) {
  const key = readLink(hash)
  const box = `/relay/${await boxOf(key)}`
  const got = await fetch(`${box}/question`, { cache: 'no-store' })
  if (!got.ok) throw new Error((await got.json()).code)
  const question = await open(key, 'question', await got.arrayBuffer())
  show(String(question.origin), question, async (message) => {
    if (message.type === 'perhuman-proving') return // there is room for one answer
    const put = await fetch(`${box}/answer`, { method: 'PUT', headers: { 'Content-Type': 'application/octet-stream' }, body: await seal(key, 'answer', message) })
    if (!put.ok) throw new Error((await put.json()).code)
    el('idle').hidden = false
    el('asked').hidden = true
    el('trouble').textContent = `Answered${message.code ? ` with ${message.code}` : ''}. Go on at the page that showed the code.`
    el('trouble').hidden = false
  })
  el('by-code').hidden = false
}

/** @param {string} origin that the browser reports, or that a code's question names @param {any} data @param {(message: Message) => Promise<void>} tell */
function show(origin, data, tell) {
  asked = { origin, data, tell }
  const { action, kind, len, k, content } = data
  el('site').textContent = origin
  el('action').textContent = String(action)
  el('policy').textContent = kind === 'per_epoch' ? `${k} in ${period(len)}` : kind === 'returning' ? 'returning visitor' : 'once, for ever'
  if (content?.text !== undefined) {
    el('content').textContent = String(content.text)
    el('content').hidden = el('content-name').hidden = false
  }
  el('idle').hidden = true
  el('asked').hidden = false
  for (const name of people) {
    const button = document.createElement('button')
    button.type = 'button'
    button.className = 'wide'
    button.textContent = name
    button.addEventListener('click', () => answer(name))
    el('people').append(button)
  }
  /** @type {HTMLElement | null} */ (el('people').querySelector('button'))?.focus()
}

/** @param {number} seconds */
const period = (seconds) => seconds === 86400 ? 'a day' : seconds % 3600 === 0 ? `${seconds / 3600} h` : `${seconds} s`

/** Says it, and leaves. @param {Message} message */
async function last(message) {
  try {
    await asked?.tell(message)
  } catch (err) {
    el('status').textContent = `The answer did not arrive: ${err instanceof Error ? err.message : err}`
    return
  }
  if (opener) window.close()
}
el('decline').addEventListener('click', () => last({ type: 'perhuman-error', code: 'cancelled' }))
el('spoil').addEventListener('click', () => {
  spoilt = !spoilt
  el('spoil').setAttribute('aria-pressed', String(spoilt))
  el('spoil').textContent = spoilt ? 'The proof will be spoilt' : 'Spoil the proof'
})

/** @param {string} person */
async function answer(person) {
  if (asked === undefined) return
  const { action, kind, len, k, challenge, content_digest } = asked.data
  for (const button of el('people').querySelectorAll('button')) button.disabled = true
  el('status').textContent = `${person} proves …`
  await asked.tell({ type: 'perhuman-proving' })
  const res = await fetch('/dev/answer', {
    method: 'POST', headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ person, origin: asked.origin, action, kind, len, k, challenge, content_digest }),
  })
  const body = await res.json()
  if (!res.ok || body.code) {
    el('status').textContent = `${person}’s wallet refuses: ${body.code}${body.detail ? ` (${body.detail})` : ''}`
    await asked.tell({ type: 'perhuman-error', code: String(body.code) })
    return
  }
  await last({ type: 'perhuman-response', response: spoilt ? spoil(body.response) : body.response })
}

// Swaps two of the proof's points, so that it reads well and does not verify.
/** @param {string} response */
function spoil(response) {
  const [packed, challenge] = response.split('.')
  const bytes = Uint8Array.from(atob(packed.replaceAll('-', '+').replaceAll('_', '/')), (c) => c.charCodeAt(0))
  const first = bytes.slice(129, 161), last = bytes.slice(225, 257)
  bytes.set(last, 129)
  bytes.set(first, 225)
  return btoa(String.fromCharCode(...bytes)).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '') + '.' + challenge
}
